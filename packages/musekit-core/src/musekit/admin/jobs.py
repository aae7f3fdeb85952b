"""Background work, as the operator sees it: who works, what waits, what failed, what is parked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from musekit.errors import ConflictError, NotFoundError
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.listing import Listed, counted, holding, newest_first
from musekit.kernel.queue.heartbeat import GONE
from musekit.kernel.queue.messages import Message
from musekit.kernel.queue.models import FailedJob, JobSchedule, ParkedJob, WorkerProcess

_TAKEN = "This job is not here any more."
Left = Literal["failed", "parked"]
_MODELS: dict[str, tuple[type[Any], Any]] = {
    "failed": (FailedJob, FailedJob.failed_at), "parked": (ParkedJob, ParkedJob.parked_at),
}  # fmt: skip


class Declared(NamedTuple):
    """A job that an active plugin declares, and when it runs."""

    name: str
    plugin: str
    every: float | None
    last_run_at: datetime | None
    next_run_at: datetime | None


class Worker(NamedTuple):
    """A process that works, whether it was seen lately, and how its jobs ended so far."""

    row: WorkerProcess
    alive: bool
    done: int
    failed: int


def counts(session: Session) -> dict[str, str]:
    """Return how many jobs have failed for good and are parked, in words where very many."""
    return {left: counted(session, select(model.id)) for left, (model, _) in _MODELS.items()}


def declared(session: Session, host: Host) -> Sequence[Declared]:
    """Return the jobs of active plugins, by name, with their schedule."""
    known = {row.name: row for row in session.scalars(select(JobSchedule))}
    return [
        Declared(
            name, host.registry.owner_of(f"job {name}") or "", job.every,
            known[name].last_run_at if name in known else None,
            known[name].next_run_at if name in known and job.every else None,
        )
        for name, job in sorted(host.registry.jobs.items())
    ]  # fmt: skip


def workers(session: Session) -> Sequence[Worker]:
    """Return the worker processes, those seen last first."""
    rows = session.scalars(select(WorkerProcess).order_by(WorkerProcess.seen_at.desc()).limit(100))
    now = utc_now()
    return [
        Worker(row, now - row.seen_at < GONE, _ended(row, "done"), _ended(row, "failed"))
        for row in rows
    ]


def _ended(row: WorkerProcess, how: str) -> int:
    """Return how many of a worker's jobs ended so."""
    return sum(counts.get(how, 0) for counts in row.counts.values())


def page(
    session: Session, host: Host, left: Left, *, search: str = "", after: str = ""
) -> Listed[Any]:
    """Return jobs that are left over, the newest first. Runs as the system.

    Args:
        search: part of the name.
    """
    model, at = _MODELS[left]
    query = select(model).where(*holding(search, model.name))
    return newest_first(session, host, query, at, model.id, after=after)


def message_of(session: Session, host: Host, left: Left, job_id: UUID) -> Message:
    """Return what to ring the queue with to have a left-over job run once more.

    It is dropped from the list once the queue has it: cut in between it runs twice, which a job
    may.

    Raises:
        NotFoundError: it is gone, as when somebody was faster.
        ConflictError: no active plugin knows the job.
    """
    row = _one(session, left, job_id)
    if row.name not in host.registry.jobs:
        raise ConflictError(
            f"No active plugin has the job “{row.name}”. It stays here until one does."
        )
    return Message(name=row.name, ids=row.ids)


def drop(session: Session, left: Left, job_id: UUID) -> str:
    """Take a left-over job off its list; return its name. NotFoundError as above."""
    model = _MODELS[left][0]
    name = session.scalar(delete(model).where(model.id == job_id).returning(model.name))
    if name is None:
        raise NotFoundError(_TAKEN)
    return str(name)


def _one(session: Session, left: Left, job_id: UUID) -> Any:
    row = session.get(_MODELS[left][0], job_id)
    if row is None:
        raise NotFoundError(_TAKEN)
    return row
