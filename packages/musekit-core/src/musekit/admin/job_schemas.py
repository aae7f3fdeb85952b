"""What the operator's JSON routes give about background work."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from musekit.admin.jobs import Worker
from musekit.kernel.queue.models import FailedJob, ParkedJob
from musekit.kernel.web.schemas import Output


class RunningOut(BaseModel):
    """A job that a worker is at."""

    name: str
    since: datetime


class WorkerOut(BaseModel):
    """A process that works."""

    id: UUID
    host: str
    pid: int
    version: str
    alive: bool = Field(description="it was seen lately")
    started_at: datetime
    seen_at: datetime
    running: list[RunningOut]
    done: int
    failed: int = Field(description="for good")

    @classmethod
    def of(cls, worker: Worker) -> Self:
        """Return a worker as data."""
        row = worker.row
        return cls(
            id=row.id, host=row.host, pid=row.pid, version=row.version, alive=worker.alive,
            started_at=row.started_at, seen_at=row.seen_at,
            running=[RunningOut.model_validate(each) for each in row.running],
            done=worker.done, failed=worker.failed,
        )  # fmt: skip


class JobOut(Output):
    """A job that an active plugin declares."""

    name: str
    plugin: str
    every: float | None = Field(description="seconds; null: it runs when it is rung for")
    last_run_at: datetime | None
    next_run_at: datetime | None


class WorkOut(BaseModel):
    """Who works, what waits, and when which job runs."""

    depth: int | None = Field(description="messages in the queue; null: it cannot be reached")
    missed: int = Field(description="bells this process could not ring since it started")
    failed: str = Field(description="jobs that failed for good: a number, or “1,000+”")
    parked: str = Field(description="jobs that no active plugin knows, likewise")
    workers: list[WorkerOut]
    services: list[str] = Field(description="what every worker runs all the time")
    jobs: list[JobOut]


class LeftJob(BaseModel):
    """A job that failed for good, or that no active plugin knows."""

    id: UUID
    name: str
    ids: dict[str, Any] = Field(description="what it was to work on")
    at: datetime = Field(description="when it was left over")
    why: str = Field(description="the error, or why it is parked")
    attempts: int | None = Field(description="null: it was never tried")

    @classmethod
    def of(cls, row: FailedJob | ParkedJob) -> Self:
        """Return a left-over job as data."""
        common = {"id": row.id, "name": row.name, "ids": row.ids}
        if isinstance(row, FailedJob):
            return cls(**common, at=row.failed_at, why=row.error, attempts=row.attempts)
        return cls(**common, at=row.parked_at, why=row.reason, attempts=None)


class LeftJobList(BaseModel):
    """Left-over jobs, the newest first."""

    items: list[LeftJob]
    next_cursor: str | None
