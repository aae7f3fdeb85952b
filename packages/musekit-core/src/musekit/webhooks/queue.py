"""Deliveries as a queue: claimed under a lease, one at a time for each endpoint, then recorded.

Each function is part of a unit of work of the system, opened by its caller. A lease that ran out
while its delivery was being sent leaves open whether it was: it is sent again, under the same id.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, aliased

from musekit.kernel.database.conditions import one_of
from musekit.kernel.database.types import db_after, db_now
from musekit.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookMessage

#: States in which a delivery still is to be made.
OPEN = ("pending", "sending")


class Claimed(NamedTuple):
    """A delivery in hand: what, and where to."""

    delivery: WebhookDelivery
    endpoint: WebhookEndpoint
    message: WebhookMessage


def is_due(session: Session) -> bool:
    """True if a delivery waits that may be made now."""
    return session.scalar(select(WebhookDelivery.id).where(*_due()).limit(1)) is not None


def due_in(session: Session) -> float | None:
    """Return seconds until the next delivery is due, by the database's clock; None: none waits."""
    row = session.execute(
        select(WebhookDelivery.next_attempt_at, db_now())
        .where(one_of(WebhookDelivery.state, OPEN))
        .order_by(WebhookDelivery.next_attempt_at)
        .limit(1)
    ).one_or_none()
    return None if row is None else (row[0] - row[1]).total_seconds()


def claim(session: Session, owner: UUID, count: int, seconds: float) -> list[Claimed]:
    """Take the longest waiting delivery of each of some endpoints, under a lease.

    An endpoint with a delivery in anybody's hand is passed over: receivers are not called by two
    at once. What waits for an endpoint that is switched off is dropped.

    Args:
        owner: the lease's name; another for each run.
        count: how many at most.
        seconds: the lease's time.
    """
    waiting = session.scalars(
        select(WebhookDelivery.endpoint_id)
        .where(*_due(), _nobody_sends())
        .group_by(WebhookDelivery.endpoint_id)
        .order_by(func.min(WebhookDelivery.next_attempt_at))
        .limit(count)
    ).all()
    if not waiting:
        return []
    # Whoever claims for an endpoint holds its row meanwhile; the statement after this one sees
    # what those who held it before have claimed.
    endpoints = {
        row.id: row
        for row in session.scalars(
            select(WebhookEndpoint)
            .where(WebhookEndpoint.id.in_(waiting))
            .with_for_update(skip_locked=True, key_share=True)
            .execution_options(populate_existing=True)
        )
    }
    off = [row.id for row in endpoints.values() if not row.enabled]
    if off:
        drop(session, off, "the endpoint is switched off")
    return _take(session, owner, {k: v for k, v in endpoints.items() if v.enabled}, seconds)


def _take(
    session: Session, owner: UUID, endpoints: dict[UUID, WebhookEndpoint], seconds: float
) -> list[Claimed]:
    if not endpoints:
        return []
    turn = func.row_number().over(
        partition_by=WebhookDelivery.endpoint_id,
        order_by=(WebhookDelivery.next_attempt_at, WebhookDelivery.id),
    )
    lines = (
        select(WebhookDelivery.id, turn.label("turn"))
        .where(*_due(), _nobody_sends(), WebhookDelivery.endpoint_id.in_(endpoints))
        .subquery()
    )
    rows = session.scalars(
        update(WebhookDelivery)
        .where(WebhookDelivery.id.in_(select(lines.c.id).where(lines.c.turn == 1)))
        .values(
            state="sending", attempts=WebhookDelivery.attempts + 1, lease_owner=owner,
            lease_until=db_after(seconds), next_attempt_at=db_after(seconds),
        )
        .returning(WebhookDelivery)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).all()  # fmt: skip
    ids = {row.message_id for row in rows}
    messages = {
        row.id: row
        for row in session.scalars(select(WebhookMessage).where(WebhookMessage.id.in_(ids)))
    }
    return [Claimed(row, endpoints[row.endpoint_id], messages[row.message_id]) for row in rows]


def mine(session: Session, owner: UUID, ids: Sequence[UUID]) -> Sequence[WebhookDelivery]:
    """Return the deliveries that are still in the owner's hand, kept from others till the commit.

    Missing are those whose lease ran out and was taken by another, and those that are gone.
    """
    return session.scalars(
        select(WebhookDelivery)
        .where(WebhookDelivery.id.in_(ids), WebhookDelivery.lease_owner == owner)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()


def hold_back(session: Session, endpoint_id: UUID, seconds: float) -> None:
    """Let what else is due for an endpoint wait: it has just failed."""
    session.execute(
        update(WebhookDelivery)
        .where(*_due(), WebhookDelivery.endpoint_id == endpoint_id)
        .values(next_attempt_at=db_after(seconds))
        .execution_options(synchronize_session=False)
    )


def drop(session: Session, endpoint_ids: Sequence[UUID], why: str) -> None:
    """Give up what waits for endpoints; it stays in their log, and can be sent again by hand."""
    session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.endpoint_id.in_(endpoint_ids), one_of(WebhookDelivery.state, OPEN))
        .values(state="dropped", last_error=why, lease_owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


def _due() -> tuple[Any, ...]:
    return one_of(WebhookDelivery.state, OPEN), WebhookDelivery.next_attempt_at <= db_now()


def _nobody_sends() -> Any:
    other = aliased(WebhookDelivery)
    busy = select(other.endpoint_id).where(other.state == "sending", other.lease_until > db_now())
    return WebhookDelivery.endpoint_id.not_in(busy)
