"""What ``/api/usage`` tells."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field


class StepOut(BaseModel):
    """One step of the chain by which the tier was found."""

    step: int = Field(description="1 to 6")
    asked: str
    found: str | None
    note: str


class LimitOut(BaseModel):
    """A limit of the tier, and how much of it is used."""

    limit: str = Field(description="its name")
    label: str
    max: int | None = Field(description="null is unlimited")
    used: int | None = Field(description="null where it is not counted here")
    period: str | None = Field(description="the day or the month that counts now")
    resets_at: datetime | None


class Upgrade(BaseModel):
    """The next tier up."""

    tier: str
    label: str
    url: str


class PlanOut(BaseModel):
    """The tier of the space for one product."""

    product: str
    name: str
    tier: str
    label: str
    source: str = Field(description="registry, stripe or default")
    steps: list[StepOut]
    limits: list[LimitOut]
    upgrade: Upgrade | None


class UsageOut(BaseModel):
    """The tiers of the space, product by product."""

    items: list[PlanOut]
    next_cursor: None = None
