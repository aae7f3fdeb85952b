"""What the JSON routes take and give about services. Keys come in and never go out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field, StrictInt

from musekit.ai import configs
from musekit.kernel.web.schemas import Input, Output


class ServiceIn(Input):
    """A service as it is to be set up."""

    provider: str = Field(max_length=100)
    model: str = Field("", max_length=configs.LONGEST_NAME, description="empty: its default")
    base_url: str = Field("", max_length=configs.LONGEST_URL, description="empty: its own")
    key: str = Field(
        "", max_length=configs.LONGEST_KEY, description="empty: the one that is there stays"
    )
    timeout_seconds: StrictInt = Field(60, description="5 to 600")
    is_default: bool = Field(True, description="it answers before others of the same scope")

    def wanted(self) -> configs.Wanted:
        """Return what is wanted."""
        return configs.Wanted(**self.model_dump())


class ServiceOut(Output):
    """A service that is set up."""

    id: UUID
    provider: str
    label: str
    model: str
    base_url: str
    ending: str = Field(description="the last characters of its key; empty: it has none")
    timeout_seconds: int
    is_default: bool
    enabled: bool
    installed: bool = Field(description="false: no active plugin has this provider")
    updated_at: datetime


class ServiceList(BaseModel):
    """Services, the one that answers first at the head; it is one page."""

    items: list[ServiceOut]
    next_cursor: None = None

    @classmethod
    def of(cls, found: Sequence[configs.Shown]) -> Self:
        """Return services as data."""
        return cls(items=[ServiceOut.model_validate(each) for each in found])


class Tested(BaseModel):
    """That a service has answered."""

    model: str
    text: str


class DayOut(Output):
    """What models have done on a day (UTC)."""

    day: str
    calls: int
    failed: int
    read: int = Field(description="tokens")
    written: int
    micros: int = Field(description="millionths of a dollar; calls of unknown price are left out")


class AdminAI(BaseModel):
    """Which model answers for everybody without one of their own, and what calls have cost."""

    provider: str | None = Field(description="null: the offline drafter answers")
    model: str | None
    problem: str = Field(description="why what is set up cannot be used; empty: nothing is wrong")
    days: list[DayOut] = Field(description="of the last 30, the newest first")
