"""Whether somebody works is found by the schedule, and told with what to do."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.queue.heartbeat import Heartbeat
from musekit.kernel.queue.inline import work
from musekit.kernel.queue.models import JobSchedule
from musekit.operations.working import LATE, health


def test_nobody_works_a_clock_works_a_worker_works(host) -> None:
    assert health(host).status == "warn"
    assert "musekit worker" in health(host).advice
    work(host, 20)
    assert (health(host).status, health(host).detail) == ("ok", "by a clock")
    Heartbeat(host).beat()
    assert health(host).detail == "1 workers"
    with host.database.session(Actor.system("tests")) as session:
        for row in session.scalars(select(JobSchedule)):
            row.next_run_at = utc_now() - LATE - timedelta(minutes=2)
    found = health(host)
    assert found.status == "warn"
    assert "17 minutes" in found.detail
    assert "/api/cron/work" in found.advice
