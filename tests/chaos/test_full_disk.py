"""C10: SQLite on a disk that is full again and again, or that can only be read.

Nothing is sent that is not armed on that disk; and when there is room again the worker goes on
without a hand. The disk is a real one: 20 MiB of memory, mounted for the test. How often it is
filled is set by ``MUSEKIT_CHAOS_FILLS``.
"""

from __future__ import annotations

import os
import random
import re
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing, contextmanager
from datetime import datetime

import pytest
from crowd import SYSTEM, open_posts, scene
from sqlalchemy import select
from tests.support.deployment import wait_for

from passivepost.publishing.models import PublishAttempt

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

FILLS = int(os.environ.get("MUSEKIT_CHAOS_FILLS", "50"))
REMOUNTS = 5
SIZE = 20  #: MiB
BATCH = 60  #: posts that come due at once; few, for all of them lie on that disk
#: Status and review; nobody has to be asked, for this network can be read back.
ENDS = {("posted", None), ("posted", "resolved")}
#: What a worker says when it could not store something.
REFUSED = re.compile(r"publisher: .*OperationalError")
QUICK = {
    "PASSIVEPOST_SEND_SLOTS": "16",
    "PASSIVEPOST_PLATFORM_SANDBOX_LONGEST_CALL_SECONDS": "2",
    "PASSIVEPOST_LEASE_MARGIN_SECONDS": "15",
    "PASSIVEPOST_SWEEP_SECONDS": "0.5",
    "PASSIVEPOST_POLL_SECONDS": "0.5",
    # The first look comes when a call has been over for long, so that what is absent goes again.
    "PASSIVEPOST_RECONCILE_SECONDS": "[3.5, 5]",
    "PASSIVEPOST_PUBLISH_RESEND_QUIET": "1",
    "PASSIVEPOST_PUBLISH_SPOOL_SECONDS": "0.5",
}


class Disk:
    """A small file system of its own."""

    def __init__(self, folder):
        self.folder, self.ballast = folder, folder / "ballast"

    def mount(self, options):
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "musekit-tests", str(self.folder)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip

    def remount(self, how):
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.folder)], check=True)

    def unmount(self):
        subprocess.run(["umount", "-l", str(self.folder)], check=True)

    def fill(self):
        """Write until there is no room, down to the last byte; nor any in SQLite's log."""
        with closing(sqlite3.connect(self.folder / "musekit.db", timeout=5)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with self.ballast.open("ab", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    def free(self):
        self.ballast.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "ours" / "data"
    folder.mkdir(parents=True)
    made = Disk(folder)
    try:
        made.mount(f"size={SIZE}m")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a file system of the test's own can be mounted by root on Linux only")
    yield made
    made.unmount()


@contextmanager
def playing(tmp_path, disk):
    with scene(tmp_path, **QUICK) as made:
        made.faults({"fault": "slow", "seconds": 0.2})
        yield made


def more(scene):
    """Let further posts come due."""
    round_ = len(scene.texts) // BATCH
    made = [f"batch {round_} post {n}" for n in range(BATCH)]
    scene.fill(scene.connect(BATCH, f"r{round_}u"), made)


def judge(scene, worker):
    """Ask that each post is live once, and that each call was armed before it was made."""
    scene.settle(120)
    assert {(status, review) for _, status, review, *_ in scene.states()} <= ENDS, scene.states()
    assert worker.popen.poll() is None
    assert scene.once() == Counter(scene.texts)
    with scene.database.session(SYSTEM, readonly=True) as session:
        rows = session.execute(select(PublishAttempt.publish_key, PublishAttempt.armed_at)).all()
    armed: dict[str, list[datetime]] = {}
    for key, at in rows:
        armed.setdefault(str(key), []).append(at)
    calls = Counter()
    for line in sorted(scene.lines(accepted="1"), key=lambda line: line["at"]):
        key = line["key"].partition(":")[0]
        before = [at for at in armed.get(key, ()) if at.timestamp() <= line["at"]]
        calls[key] += 1
        assert len(before) >= calls[key], f"called unarmed: {line['text']}"
    with closing(sqlite3.connect(scene.ours.folder / "data" / "musekit.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return scene.outcomes()


def test_filled_again_and_again(tmp_path, disk):
    dice, met = random.Random(10), 0
    with playing(tmp_path, disk) as scene:
        worker = scene.ours.worker()
        for _ in range(FILLS):
            if open_posts(scene.database) < BATCH * 3 // 4:
                more(scene)
            time.sleep(dice.uniform(0.0, 0.5))
            seen = len(worker.log.read_text())
            disk.fill()
            time.sleep(dice.uniform(0.2, 1.5))
            met += bool(REFUSED.search(worker.log.read_text()[seen:]))
            disk.free()
            assert worker.popen.poll() is None, worker.said
        outcomes = judge(scene, worker)
        posts = len(scene.texts)
    assert met > FILLS // 2, f"only {met} of {FILLS} times the worker met a full disk"
    print(f"posts {posts}, fills {FILLS} (met {met}), dup 0, lost 0, {dict(outcomes)}")


def test_mounted_for_reading_only(tmp_path, disk):
    """A worker is killed, and the disk cannot be written when its supervisor starts the next ones.

    They end and say why, without a call; the one that finds the disk writable again goes on.
    """
    dice = random.Random(11)
    with playing(tmp_path, disk) as scene:
        more(scene)
        worker = scene.ours.worker()
        for _ in range(REMOUNTS):
            seen = len(scene.lines())
            wait_for(lambda seen=seen: len(scene.lines()) > seen, 30, lambda: worker.said)
            time.sleep(dice.uniform(0.0, 0.3))
            worker.kill()
            time.sleep(0.5)  # calls under way end at the network
            scene.database.system.dispose()  # who has a file open for writing keeps it writable
            scene.database.application.dispose()
            disk.remount("ro")
            calls = len(scene.lines())
            for _ in range(2):
                worker = scene.ours.start("worker")
                assert worker.popen.wait(30) != 0, worker.said
                assert "database" in worker.said.splitlines()[-2]
            assert len(scene.lines()) == calls, "called though nothing can be armed"
            disk.remount("rw")
            if open_posts(scene.database) < BATCH * 3 // 4:
                more(scene)
            worker = scene.ours.worker()
        outcomes = judge(scene, worker)
    print(f"posts {len(scene.texts)}, dup 0, lost 0, {dict(outcomes)}")
