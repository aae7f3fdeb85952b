"""Rotation of 10,000 rows: with readers and writers about, killed in the middle, resumed (D11)."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from musekit.auth.models import User
from musekit.kernel.actors import Actor
from musekit.kernel.crypto.keyring import DecryptionError, KeyRing
from musekit.kernel.crypto.keys import new_key, write_down
from musekit.kernel.crypto.rotation import remaining, rotate
from musekit.kernel.database.session import Database
from musekit.kernel.ids import new_id
from musekit.social.models import SocialAccount
from musekit.spaces.models import Space

SYSTEM = Actor.system("test")
OLD, NEW = new_key(), new_key(["k1"])
BEFORE, DURING, AFTER = KeyRing([OLD]), KeyRing([NEW, OLD]), KeyRing([NEW])
COLUMN = {"table": "social_accounts", "column": "access_token_encrypted"}


@pytest.fixture
def database(settings) -> Iterator[Database]:
    each = Database(settings)
    yield each
    each.close()


def fill(database: Database, rows: int) -> dict:
    """Make accounts whose token is their own id; return id → space."""
    user, space = new_id(), new_id()
    accounts = []
    for n in range(rows):
        row = new_id()
        place = {**COLUMN, "row": row, "space": space}
        accounts.append(
            {"id": row, "space_id": space, "user_id": user, "platform": f"p{n}",
             "platform_user_id": "x", "access_token_encrypted": BEFORE.encrypt(str(row), **place)}
        )  # fmt: skip
    with database.session(SYSTEM) as session:
        session.execute(insert(User), [{"id": user, "email": "a", "email_key": "a"}])
        session.execute(insert(Space), [{"id": space, "name": "a"}])
        session.execute(insert(SocialAccount), accounts)
    return {each["id"]: space for each in accounts}


def read_all(database: Database, ring: KeyRing, rows: dict) -> int:
    """Decrypt every token and compare it with what it must be."""
    with database.session(SYSTEM, readonly=True) as session:
        found = session.execute(
            select(SocialAccount.id, SocialAccount.access_token_encrypted)
        ).all()
    for row, token in found:
        assert ring.decrypt(token, **COLUMN, row=row, space=rows[row]) == str(row)
    return len(found)


@pytest.mark.slow
def test_killed_in_the_middle_with_readers_and_resumed(database, settings) -> None:
    rows = fill(database, 10_000)
    environment = {
        **os.environ,
        "SOCIAL_ENCRYPTION_KEY": f"{write_down(NEW)},{write_down(OLD)}",
        "MUSEKIT_MODE": "test",
        "MUSEKIT_DATA_DIR": str(settings.data_dir),
        "MUSEKIT_DATABASE_URL": settings.database_url,
        "MUSEKIT_DATABASE_SYSTEM_URL": settings.database_system_url,
    }
    script = [sys.executable, str(Path(__file__).with_name("rotate_once.py"))]
    done, reads, faults = threading.Event(), [], []

    def keep_reading() -> None:
        try:
            while not done.is_set():
                reads.append(read_all(database, DURING, rows))
        except Exception as error:
            faults.append(error)

    reader = threading.Thread(target=keep_reading)
    reader.start()
    try:
        for _ in range(2):
            victim = subprocess.Popen([*script, "0.02"], stdout=subprocess.PIPE, env=environment)
            for _ in range(8):
                assert victim.stdout.readline()
            victim.kill()
            victim.wait(10)
            left = remaining(database, DURING)["social_accounts.access_token_encrypted"]
            assert 0 < left < 10_000
        finished = subprocess.run([*script, "0"], env=environment, capture_output=True, timeout=100)
        assert finished.returncode == 0, finished.stderr
        last = finished.stdout.splitlines()[-1].split()
        assert last[0] == last[1] == str(left).encode()
    finally:
        done.set()
        reader.join(60)
    assert faults == []
    assert set(reads) == {10_000}
    assert sum(remaining(database, DURING).values()) == 0
    assert read_all(database, AFTER, rows) == 10_000


def test_a_token_written_meanwhile_stays(database) -> None:
    rows = fill(database, 50)
    target = sorted(rows)[30]
    place = {**COLUMN, "row": target, "space": rows[target]}
    refreshed = DURING.encrypt("refreshed", **place)

    class Racing(KeyRing):
        """Refreshes a token between the read and the write of its batch."""

        def decrypt(self, token, **where):
            plain = super().decrypt(token, **where)
            if where["row"] == target and plain != "refreshed":
                with database.session(SYSTEM) as session:
                    session.execute(
                        update(SocialAccount)
                        .where(SocialAccount.id == target)
                        .values(access_token_encrypted=refreshed)
                    )
            return plain

    state = rotate(database, Racing([NEW, OLD]), batch=20)
    assert (state.total, state.rewritten, state.outrun, state.failed) == (50, 49, 1, [])
    with database.session(SYSTEM) as session:
        assert session.get(SocialAccount, target).access_token_encrypted == refreshed


def test_damaged_tokens_are_named_and_the_rest_is_rewritten(database) -> None:
    rows = fill(database, 30)
    first, second = sorted(rows)[:2]
    with database.session(SYSTEM) as session:
        swapped = session.get(SocialAccount, second).access_token_encrypted
        session.get(SocialAccount, first).access_token_encrypted = swapped
        session.flush()
    seen = []
    state = rotate(database, DURING, batch=7, progress=lambda p: seen.append((p.done, p.total)))
    assert (state.rewritten, len(state.failed)) == (29, 1)
    assert str(first) in state.failed[0]
    assert seen[-1] == (30, 30)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert remaining(database, DURING)["social_accounts.access_token_encrypted"] == 1


def test_an_old_key_dropped_too_early_is_a_clear_error(database) -> None:
    rows = fill(database, 3)
    row = next(iter(rows))
    with database.session(SYSTEM) as session:
        token = session.get(SocialAccount, row).access_token_encrypted
        assert session.scalar(select(func.count()).select_from(SocialAccount)) == 3
    with pytest.raises(DecryptionError, match=f"“{OLD.id}”, which is not in the key ring"):
        AFTER.decrypt(token, **COLUMN, row=row, space=rows[row])
    state = rotate(database, AFTER)
    assert (state.rewritten, len(state.failed)) == (0, 3)
