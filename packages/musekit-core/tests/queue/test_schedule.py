"""Scheduled jobs: each run rung once, however many schedulers there are."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from musekit.kernel.queue.models import JobSchedule
from musekit.kernel.queue.schedule import Scheduler
from musekit.kernel.queue.services import Stop

from .conftest import SYSTEM, World, wait_for


def test_ten_schedulers_ring_once_for_each_run(world: World) -> None:
    world.job("tick", every=3600)
    world.job("tock", every=3600)
    world.job("never")
    hosts = [world.another_host() for _ in range(10)]
    schedulers = [Scheduler(host) for host in hosts]
    for each in schedulers:
        each.prepare()
    for round_number in (1, 2, 3):
        barrier = threading.Barrier(10)

        def tick(scheduler: Scheduler, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            scheduler.tick()

        threads = [threading.Thread(target=tick, args=(each,)) for each in schedulers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert world.host.broker.depth() == 2 * round_number
        with world.host.database.session(SYSTEM) as session:
            session.execute(
                update(JobSchedule).values(next_run_at=datetime.now(UTC) - timedelta(seconds=1))
            )
    for host in hosts:
        host.broker.close()
        host.database.close()


def test_missed_runs_are_not_made_up_for(world: World) -> None:
    world.job("tick", every=60)
    scheduler = Scheduler(world.host)
    scheduler.prepare()
    with world.host.database.session(SYSTEM) as session:
        session.execute(
            update(JobSchedule).values(next_run_at=datetime.now(UTC) - timedelta(days=3))
        )
    assert scheduler.tick() == 5.0
    assert scheduler.tick() == 5.0
    assert world.host.broker.depth() == 1
    with world.host.database.session(SYSTEM, readonly=True) as session:
        row = session.scalars(select(JobSchedule)).one()
        ahead = (row.next_run_at - datetime.now(UTC)).total_seconds()
        assert 50 < ahead <= 61
        assert row.last_run_at is not None


def test_intervals_shorter_than_a_minute_keep_their_beat(world: World) -> None:
    world.job("tick", every=0.4)
    world.work()
    wait_for(lambda: world.runs)
    start = time.monotonic()
    time.sleep(2)
    beats = sum(start <= at <= start + 2 for at in world.times)
    assert 4 <= beats <= 6


def test_a_database_that_is_away_does_not_end_the_scheduler(world: World) -> None:
    world.job("tick", every=0.2)
    scheduler, stop = Scheduler(world.host), Stop()
    good, scheduler._host = scheduler._host, None  # type: ignore[assignment]
    thread = threading.Thread(target=scheduler.run, args=(stop,))
    import musekit.kernel.queue.schedule as module

    longest, module.LONGEST = module.LONGEST, 0.2
    try:
        thread.start()
        time.sleep(0.3)
        scheduler._host = good
        wait_for(lambda: (world.host.broker.depth() or 0) > 1)
    finally:
        module.LONGEST = longest
        stop.request(0)
        thread.join(5)
