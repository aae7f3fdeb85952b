"""The log of an endpoint: what it was told, how each try went, and telling it once more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import CursorResult, Select, delete, select
from sqlalchemy.orm import Session

from musekit.errors import ConflictError, NotFoundError
from musekit.kernel.database.types import db_now, utc_now
from musekit.webhooks import endpoints
from musekit.webhooks.models import WebhookDelivery, WebhookMessage

#: Messages that the sweep deletes in one statement.
SWEPT = 5000


class Logged(NamedTuple):
    """A delivery, and what it delivers."""

    delivery: WebhookDelivery
    message: WebhookMessage


def deliveries(space_id: UUID, endpoint_id: UUID) -> Select[Any]:
    """Return the query for the log of an endpoint."""
    return select(WebhookDelivery).where(
        WebhookDelivery.space_id == space_id, WebhookDelivery.endpoint_id == endpoint_id
    )


def events_of(session: Session, rows: Iterable[WebhookDelivery]) -> Mapping[UUID, str]:
    """Return message → event, for some deliveries."""
    ids = {row.message_id for row in rows}
    found = session.execute(
        select(WebhookMessage.id, WebhookMessage.event).where(WebhookMessage.id.in_(ids))
    )
    return {row.id: row.event for row in found}


def find(session: Session, space_id: UUID, endpoint_id: UUID, delivery_id: UUID) -> Logged:
    """Return a delivery with its message; NotFoundError if the endpoint has none of that id."""
    row = session.scalars(
        deliveries(space_id, endpoint_id).where(WebhookDelivery.id == delivery_id)
    ).one_or_none()
    message = session.get(WebhookMessage, row.message_id) if row is not None else None
    if row is None or message is None:
        raise NotFoundError("There is no such delivery here.")
    return Logged(row, message)


def tries(row: WebhookDelivery) -> list[dict[str, Any]]:
    """Return the tries of a delivery for people, the newest first: their times are times."""
    return [{**each, "at": datetime.fromisoformat(each["at"])} for each in reversed(row.log)]


def again(session: Session, space_id: UUID, endpoint_id: UUID, delivery_id: UUID) -> Logged:
    """Have a message told once more, as the same message: from now on, with all its tries.

    Raises:
        NotFoundError: see `find`.
        ConflictError: the endpoint is switched off, or the message is being sent just now.
    """
    endpoint = endpoints.locked(session, space_id, endpoint_id)
    found = find(session, space_id, endpoint_id, delivery_id)
    if not endpoint.enabled:
        raise ConflictError("This webhook is switched off. Switch it on first.")
    row = session.scalars(
        select(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if row.state == "sending" and row.lease_until is not None and row.lease_until > utc_now():
        raise ConflictError("It is being sent just now. Look again in a moment.")
    row.state, row.attempts, row.delivered_at = "pending", 0, None
    row.next_attempt_at = db_now()
    session.flush()
    session.refresh(row)
    return Logged(row, found.message)


def sweep(session: Session, days: int) -> int:
    """Delete what was told so many days ago, with how that went; return how many messages."""
    old = (
        select(WebhookMessage.id)
        .where(WebhookMessage.created_at < utc_now() - timedelta(days=days))
        .limit(SWEPT)
    )
    result = session.execute(
        delete(WebhookMessage)
        .where(WebhookMessage.id.in_(old))
        .execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)
    return result.rowcount
