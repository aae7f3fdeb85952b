"""Work that was put off is rung for once, when it is due; not where the schedule is sooner."""

from __future__ import annotations

import time

from musekit.kernel.queue.later import Later, ring_later

from .conftest import World, wait_for


def test_one_bell_of_a_job_is_on_its_way() -> None:
    later = Later()
    assert [later.take("one", 0.05), later.take("one", 0.01), later.take("other", 9)] == [
        True, False, True,
    ]  # fmt: skip
    time.sleep(0.06)
    assert later.take("one", 9)
    assert not later.take("other", 0.01)


def test_it_rings_once_when_it_is_due(world: World) -> None:
    world.job("tock")
    world.work()
    began = time.monotonic()
    for seconds in (2.0, 0.0, 5.0):
        ring_later(world.host, "tock", seconds)
    wait_for(lambda: world.names() == ["tock"])
    assert world.times[0] - began >= 2
    time.sleep(0.5)
    assert world.names() == ["tock"]


def test_it_does_not_ring_where_the_schedule_is_sooner(world: World) -> None:
    world.job("tick", every=30)
    for seconds in (None, 30.0, 100.0):
        ring_later(world.host, "tick", seconds)
    assert world.host.broker.queue.storage.schedule_size() == 0
    ring_later(world.host, "tick", 29.0)
    assert world.host.broker.queue.storage.schedule_size() == 1
