"""What webhooks are told of plans."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from musekit.declarations import Limit, WebhookEvent
from musekit.kernel.host import Host
from musekit.webhooks.emitting import Happened, emit, emit_all

EVENTS = (
    WebhookEvent(
        key="subscription.changed", label="The plan of the space is another",
        sample={"product": "passive-post", "before": "tier_1", "after": "tier_2"},
    ),
    WebhookEvent(
        key="usage.near_limit", label="A limit of the plan is near",
        sample={"product": "passive-post", "limit": "posts_per_month", "period": "2026-11",
                "used": 80, "max": 100},
    ),
)  # fmt: skip


def near_limit(
    session: Session, host: Host, space_id: UUID, product: str, limit: Limit, *, period: str,
    used: int, most: int,
) -> None:  # fmt: skip
    """Tell that a limit is near; in the unit of work that mails it."""
    data = {"product": product, "limit": limit.key, "period": period, "used": used, "max": most}
    emit(session, host, space_id, "usage.near_limit", data)


def plan_changed(
    session: Session, host: Host, product: str, moved: Mapping[UUID, tuple[str, str]]
) -> None:
    """Tell that the plan of spaces is another; in the unit of work that notes that it is told.

    Args:
        moved: the keys of their tiers before and after.
    """
    emit_all(
        session, host,
        [
            Happened(
                space_id=space_id, event="subscription.changed",
                data={"product": product, "before": before, "after": after},
            )
            for space_id, (before, after) in moved.items()
        ],
    )  # fmt: skip
