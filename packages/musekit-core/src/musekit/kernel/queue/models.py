"""Tables of the queue: jobs nobody here knows, and when scheduled jobs run next."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from musekit.kernel.database.models import Base
from musekit.kernel.database.types import Json, UtcDateTime
from musekit.kernel.ids import new_id


class ParkedJob(Base):
    """A message whose job no installed plugin declares: kept until one does.

    ``digest`` is the SHA-256 (hex) of name and ids: one bell is as good as a hundred of the same.
    """

    __tablename__ = "parked_jobs"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(Text, index=True)
    ids: Mapped[dict[str, Any]] = mapped_column(Json)
    digest: Mapped[str] = mapped_column(Text, unique=True)
    reason: Mapped[str] = mapped_column(Text)
    parked_at: Mapped[datetime] = mapped_column(UtcDateTime)


class JobSchedule(Base):
    """When a job declared with `every` runs next. Schedulers claim a run by moving the time on."""

    __tablename__ = "job_schedules"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    next_run_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_run_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
