"""A worker is seen at its work, with what it has done, and is gone when it has ended."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from musekit.declarations import Backoff
from musekit.kernel.database.types import utc_now
from musekit.kernel.queue import heartbeat
from musekit.kernel.queue.heartbeat import Heartbeat
from musekit.kernel.queue.models import WorkerProcess

from .conftest import SYSTEM, World, wait_for


def rows(world: World) -> list[WorkerProcess]:
    with world.host.database.session(SYSTEM, readonly=True) as session:
        return list(session.scalars(select(WorkerProcess)))


def test_a_worker_is_seen_at_work_and_leaves_no_row(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "EVERY", 0.1)
    release = threading.Event()

    def fail(run: object) -> None:
        raise ValueError("no")

    world.job("long", lambda run: release.wait(20) and None)
    world.job("bad", fail, retries=1, backoff=Backoff(base=0.01, cap=0.01))
    worker = world.work()
    wait_for(lambda: rows(world))
    world.host.broker.enqueue("bad")
    world.host.broker.enqueue("long")
    wait_for(lambda: any(job["name"] == "long" for job in rows(world)[0].running))
    wait_for(lambda: rows(world)[0].counts.get("bad") == {"retried": 1, "failed": 1})
    release.set()
    wait_for(lambda: rows(world)[0].counts.get("long") == {"done": 1})
    row = rows(world)[0]
    assert row.running == []
    assert utc_now() - row.seen_at < timedelta(seconds=5)
    assert worker.stop(5)
    assert rows(world) == []


def test_a_worker_that_drains_is_still_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "EVERY", 0.1)
    release = threading.Event()
    world.job("long", lambda run: release.wait(20) and None)
    worker = world.work()
    world.host.broker.enqueue("long")
    wait_for(lambda: world.runs and rows(world))
    ended = threading.Thread(target=worker.stop, args=(10,))
    ended.start()
    stopped = utc_now()
    wait_for(lambda: rows(world)[0].seen_at > stopped + timedelta(seconds=0.3))
    release.set()
    ended.join(20)
    assert rows(world) == []


def test_rows_of_those_killed_long_ago_go(world: World) -> None:
    killed, lately, fresh = (Heartbeat(world.host) for _ in range(3))
    killed.beat()
    lately.beat()
    with world.host.database.session(SYSTEM) as session:
        for row in session.scalars(select(WorkerProcess)):
            age = heartbeat.FORGOTTEN if row.id == killed._id else heartbeat.GONE
            row.seen_at = utc_now() - age - timedelta(seconds=1)
    fresh.beat()
    assert {row.id for row in rows(world)} == {lately._id, fresh._id}


def test_a_database_that_is_away_ends_no_worker(world: World) -> None:
    heart = Heartbeat(world.host)
    world.host.database.close()
    world.host.database.system.dispose()
    world.host.database.session = None  # type: ignore[method-assign, assignment]
    heart.beat()
