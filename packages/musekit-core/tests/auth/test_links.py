"""Links that are mailed: followed once, in time, for their own end, and never guessed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from musekit.auth import links, service
from musekit.auth.links import LinkSpentError
from musekit.auth.models import OneTimeLink
from musekit.auth.secrets import digest
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD

SYSTEM = Actor.system("tests")
HOUR = timedelta(hours=1)


@pytest.fixture
def user_id(host: Host) -> UUID:
    with host.database.session(SYSTEM) as session:
        user, _ = service.sign_up(session, "ada@example.com", PASSWORD)
        return user.id


def make(host: Host, user_id: UUID, purpose: Any = "verify_email", **more: Any) -> str:
    with host.database.session(SYSTEM) as session:
        return links.make(
            session, purpose, user_id=user_id, email_key="ada@example.com",
            lasts=more.pop("lasts", HOUR), **more,
        )  # fmt: skip


def take(host: Host, purpose: Any, secret: str) -> bool:
    with host.database.session(SYSTEM) as session:
        try:
            links.take(session, purpose, secret)
        except LinkSpentError:
            return False
        return True


def test_a_link_is_followed_once_however_many_try(host: Host, user_id: UUID) -> None:
    secret = make(host, user_id)
    with host.database.session(SYSTEM, readonly=True) as session:
        assert links.peek(session, "verify_email", secret).user_id == user_id
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: take(host, "verify_email", secret), range(20)))
    assert done.count(True) == 1
    with host.database.session(SYSTEM, readonly=True) as session, pytest.raises(LinkSpentError):
        links.peek(session, "verify_email", secret)


def test_only_a_hash_is_kept(host: Host, user_id: UUID) -> None:
    secret = make(host, user_id)
    assert len(secret) == 43  # 256 bits
    with host.database.session(SYSTEM, readonly=True) as session:
        row = session.scalars(select(OneTimeLink)).one()
    assert row.token_hash == digest(secret)
    assert secret not in str(vars(row))


def test_a_link_is_good_for_its_own_end_alone(host: Host, user_id: UUID) -> None:
    secret = make(host, user_id, "verify_email")
    assert not take(host, "reset_password", secret)
    assert take(host, "verify_email", secret)


def test_the_newest_replaces_those_before_it(host: Host, user_id: UUID) -> None:
    first, other = make(host, user_id), make(host, user_id, "reset_password")
    second = make(host, user_id)
    assert not take(host, "verify_email", first)
    assert take(host, "verify_email", second)
    assert take(host, "reset_password", other)


def test_a_link_ends_with_its_time(host: Host, user_id: UUID) -> None:
    secret = make(host, user_id, lasts=timedelta(seconds=-1))
    assert not take(host, "verify_email", secret)
    with host.database.session(SYSTEM) as session:
        assert links.sweep(session) == 0  # who follows it learns that it is spent
        session.execute(update(OneTimeLink).values(expires_at=utc_now() - timedelta(days=8)))
    with host.database.session(SYSTEM) as session:
        assert links.sweep(session) == 1


@pytest.mark.parametrize("backend", ["sqlite"])
def test_sixty_bad_links_open_nothing(host: Host, user_id: UUID) -> None:
    secret = make(host, user_id)
    bad = [secret[:at] + ("A" if secret[at] != "A" else "B") + secret[at + 1 :] for at in range(43)]
    bad += [
        "", " ", secret + "A", secret[:-1], secret.swapcase(), secret + "\0", "../" + secret,
        secret + " ", "'" + secret, "%00", "ü" * 43, "0" * 43, secret[::-1], "null", "None",
        digest(secret).hex(), "*", "%", secret * 2, "\n" + secret,
    ]  # fmt: skip
    assert len(bad) >= 60
    assert not any(take(host, "verify_email", each) for each in bad)
    assert take(host, "verify_email", secret)
