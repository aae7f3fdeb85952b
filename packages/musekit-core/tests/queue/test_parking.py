"""Jobs of a plugin that is gone are parked, and run when it is back."""

from __future__ import annotations

from sqlalchemy import select

from musekit.kernel.queue.models import ParkedJob
from musekit.kernel.queue.parking import requeue_parked

from .conftest import SYSTEM, World, wait_for


def parked(world: World) -> list[tuple[str, dict[str, object]]]:
    with world.host.database.session(SYSTEM, readonly=True) as session:
        rows = session.execute(select(ParkedJob.name, ParkedJob.ids).order_by(ParkedJob.id)).all()
        return [(name, ids) for name, ids in rows]


def test_unknown_jobs_are_parked_and_run_after_reinstall(world: World) -> None:
    world.job("known")
    worker = world.work()
    for n in (1, 2, 2, 2):
        world.host.broker.enqueue("gone", n=n, delay=0)
    world.host.broker.enqueue("gone", n=3, delay=0.1)
    world.host.broker.enqueue("other-gone", n=1)
    wait_for(lambda: len(parked(world)) == 4)
    assert not world.runs
    assert worker.stop(5)

    world.job("gone")  # installed again; the worker is restarted
    world.work()
    wait_for(lambda: len(world.runs) == 3)
    assert sorted(run.ids["n"] for run in world.runs) == [1, 2, 3]
    wait_for(lambda: parked(world) == [("other-gone", {"n": 1})])
    assert requeue_parked(world.host) == 0


def test_many_parked_jobs_come_back_in_batches(world: World) -> None:
    world.work()
    for n in range(40):
        world.host.broker.enqueue("gone", n=n)
    wait_for(lambda: len(parked(world)) == 40)
    world.job("gone")
    assert requeue_parked(world.host, batch=7) == 40
    wait_for(lambda: len(world.runs) == 40)
    assert parked(world) == []
