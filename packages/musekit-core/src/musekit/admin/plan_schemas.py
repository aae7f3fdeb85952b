"""What the operator's JSON routes take and give about tiers that somebody has."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from musekit.admin.plans import MOST_DAYS
from musekit.kernel.web.schemas import Input, Output
from musekit.products import service
from musekit.products.schemas import StepOut
from musekit.products.tiers import TierDecision


class GrantIn(Input):
    """A tier to be given by hand."""

    tier: str = Field(max_length=100)
    reason: str = Field("", max_length=1000, description="shown where it is explained")
    days: int | None = Field(
        None, ge=1, le=MOST_DAYS, description="for how long; null: until it is taken back"
    )


class GrantOut(Output):
    """A tier that was given by hand, to a person or to an organization."""

    product: str
    tier: str
    reason: str
    user_id: UUID | None
    organization_id: UUID | None
    created_at: datetime
    ends_at: datetime | None = Field(description="null: until it is taken back")


class GrantList(BaseModel):
    """Tiers of a product that were given by hand, the newest first."""

    items: list[GrantOut]
    next_cursor: str | None


class DecisionOut(BaseModel):
    """Which tier a space has of a product, and why."""

    product: str
    space_id: UUID
    tier: str
    label: str
    source: str = Field(description="registry, stripe or default")
    steps: list[StepOut]

    @classmethod
    def of(cls, decision: TierDecision) -> Self:
        """Return a decision as data."""
        return cls(
            product=decision.product, space_id=decision.space_id, tier=decision.tier.key,
            label=decision.tier.label, source=decision.source, steps=service.steps(decision),
        )  # fmt: skip


def decided(decisions: Iterable[TierDecision]) -> list[DecisionOut]:
    """Return decisions as data."""
    return [DecisionOut.of(each) for each in decisions]
