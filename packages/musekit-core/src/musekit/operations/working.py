"""Does somebody work? Judged by the schedule: jobs that are due stay so where nobody does."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from musekit.declarations import Health
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.queue.heartbeat import GONE
from musekit.kernel.queue.models import JobSchedule, WorkerProcess

_ACTOR = Actor.system("operations")
#: Hosts that only have a clock call every few minutes; later than this nobody calls.
LATE = timedelta(minutes=15)


def health(host: Host) -> Health:
    """Say whether jobs are run, by workers or by a clock. Calls no network."""
    now = utc_now()
    with host.database.session(_ACTOR, readonly=True) as session:
        workers = session.scalar(
            select(func.count(WorkerProcess.id)).where(WorkerProcess.seen_at > now - GONE)
        )
        due = _next_due(session, host)
    if due is None and not workers:
        return Health(
            status="warn", detail="no job has ever run here",
            advice="Run `musekit worker`, or call /api/cron/work every minute.",
        )  # fmt: skip
    if due is not None and due < now - LATE:
        minutes = int((now - due).total_seconds() // 60)
        return Health(
            status="warn", detail=f"jobs are due for {minutes} minutes; {workers} workers are seen",
            advice="Run `musekit worker`, or call /api/cron/work every minute. Nothing is lost.",
        )  # fmt: skip
    return Health(status="ok", detail=f"{workers} workers" if workers else "by a clock")


def late(session: Session, host: Host) -> float:
    """Return for how many seconds the job that is most overdue is due; 0: none is."""
    due = _next_due(session, host)
    return 0.0 if due is None else max(0.0, (utc_now() - due).total_seconds())


def _next_due(session: Session, host: Host) -> datetime | None:
    """Return when the next job is due. Those of plugins that are gone are due for ever."""
    names = [job.name for job in host.registry.jobs.values() if job.every is not None]
    return session.scalar(
        select(func.min(JobSchedule.next_run_at)).where(JobSchedule.name.in_(names))
    )
