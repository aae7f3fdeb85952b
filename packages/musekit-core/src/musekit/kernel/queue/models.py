"""Tables of the queue: jobs unknown or failed, when scheduled ones run next, and who works."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from musekit.kernel.database.models import Base, SystemOnly
from musekit.kernel.database.types import Json, UtcDateTime
from musekit.kernel.ids import new_id


class ParkedJob(Base, SystemOnly):
    """A message whose job no installed plugin declares: kept until one does.

    ``digest`` is the SHA-256 (hex) of name and ids: one bell is as good as a hundred of the same.
    """

    __tablename__ = "parked_jobs"
    __table_args__ = (Index(None, "parked_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(Text, index=True)
    ids: Mapped[dict[str, Any]] = mapped_column(Json)
    digest: Mapped[str] = mapped_column(Text, unique=True)
    reason: Mapped[str] = mapped_column(Text)
    parked_at: Mapped[datetime] = mapped_column(UtcDateTime)


class JobSchedule(Base, SystemOnly):
    """When a job declared with `every` runs next. Schedulers claim a run by moving the time on."""

    __tablename__ = "job_schedules"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    next_run_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_run_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class FailedJob(Base, SystemOnly):
    """A job that failed for good: its retries are used up. ``error`` holds no secret."""

    __tablename__ = "failed_jobs"
    __table_args__ = (Index(None, "failed_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(Text, index=True)
    ids: Mapped[dict[str, Any]] = mapped_column(Json)
    attempts: Mapped[int]
    error: Mapped[str] = mapped_column(Text)
    failed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class WorkerProcess(Base, SystemOnly):
    """A process that works; one not seen for a while is gone. ``running``: name and since when."""

    __tablename__ = "worker_processes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    host: Mapped[str] = mapped_column(Text)
    pid: Mapped[int]
    version: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    running: Mapped[list[Any]] = mapped_column(Json, default=list)
    services: Mapped[list[Any]] = mapped_column(Json, default=list)
    #: Name of a job → outcome → how often since the process started.
    counts: Mapped[dict[str, dict[str, int]]] = mapped_column(Json, default=dict)
