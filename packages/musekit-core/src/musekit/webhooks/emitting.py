"""Telling of an event: written in the unit of work that causes it, sent after its commit.

Nothing is told of what is rolled back, and nothing that is committed stays untold: each endpoint
gets each message at least once, always under the same id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.kernel.logs import is_secret_name
from musekit.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookMessage

__all__ = ["Happened", "emit", "emit_all"]

#: The job that sends; rung after the commit.
JOB = "webhook-deliver"
#: What an endpoint that takes every event has in its list.
EVERYTHING = "*"
#: Bytes of a message's data at most: receivers are told what to look up, not everything.
LARGEST = 64 * 1024
#: What is due is judged by the database's clock, which may be behind this process's.
SKEW = timedelta(seconds=2)


@dataclass(frozen=True, kw_only=True)
class Happened:
    """Something that happened in a space.

    Args:
        event: key of an event that a plugin has declared (`musekit.declarations.WebhookEvent`).
        data: ids and public fields: JSON-ready, UUIDs and times may stand in it. No secrets.
    """

    space_id: UUID
    event: str
    data: Mapping[str, Any]


def emit(session: Session, host: Host, space_id: UUID, event: str, data: Mapping[str, Any]) -> int:
    """Tell the webhooks of a space; see `emit_all`. Returns how many are told."""
    return emit_all(session, host, [Happened(space_id=space_id, event=event, data=data)])


def emit_all(session: Session, host: Host, happened: Sequence[Happened]) -> int:
    """Write messages, and keep them to be sent once this unit of work is committed.

    One statement reads who wants to know, two write; where nobody does, nothing is written.

    Args:
        session: of the system, or of an actor for their own space.

    Returns:
        To how many endpoints the messages go, all together.

    Raises:
        LookupError: no plugin has declared such an event.
        ValueError: the data is no JSON, too large, or names something like a secret.
        TenancyError: an actor's session tells of another space.
    """
    for each in happened:
        if each.event not in host.registry.webhook_events:
            raise LookupError(f"no plugin has declared the webhook event “{each.event}”")
    if not happened:
        return 0
    wanted = _wanted(session, {each.space_id for each in happened})
    now = utc_now()
    messages: list[WebhookMessage] = []
    deliveries: list[WebhookDelivery] = []
    for each in happened:
        data = checked(each.data)  # a fault of the caller's, also where nobody listens
        takers = [row for row in wanted if row.space_id == each.space_id and takes(row, each.event)]
        if takers:
            message = written(each.space_id, each.event, data, now)
            messages.append(message)
            deliveries += [waiting(row, message) for row in takers]
    for rows in (messages, deliveries):  # what points to a row comes after it
        session.add_all(rows)
        session.flush()
    if deliveries:
        _ring_after_commit(session, host)
    return len(deliveries)


def takes(row: WebhookEndpoint, event: str) -> bool:
    """Say whether an endpoint wants to know of an event."""
    return EVERYTHING in row.events or event in row.events


def written(
    space_id: UUID, event: str, data: Mapping[str, Any], now: datetime, **more: Any
) -> WebhookMessage:  # fmt: skip
    """Return a message with the body that is sent: the same at every try, to every endpoint."""
    payload = {"type": event, "timestamp": now.isoformat(), "data": data, **more}
    return WebhookMessage(
        id=new_id(), space_id=space_id, event=event, payload=payload, created_at=now
    )


def waiting(row: WebhookEndpoint, message: WebhookMessage) -> WebhookDelivery:
    """Return a delivery of a message to an endpoint, to be made now."""
    return WebhookDelivery(
        id=new_id(), space_id=row.space_id, endpoint_id=row.id, message_id=message.id, log=[],
        created_at=message.created_at, next_attempt_at=message.created_at - SKEW,
    )  # fmt: skip


def checked(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return data as it is sent. Raises ValueError, see `emit_all`."""
    if found := sorted({name for name in _names(data) if is_secret_name(name)}):
        raise ValueError(f"a webhook tells no secret: {', '.join(found)}")
    try:
        text = json.dumps(_storable(data), default=_plain, allow_nan=False)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"the data of a webhook is no JSON: {error}") from None
    if len(text) > LARGEST:
        raise ValueError(f"the data of a webhook is larger than {LARGEST:,} bytes")
    plain: dict[str, Any] = json.loads(text)
    return plain


def _wanted(session: Session, space_ids: set[UUID]) -> Sequence[WebhookEndpoint]:
    # The lock is the one that the deliveries' references take anyway: without it an endpoint that
    # is taken away in between would make the caller's own act fail. It holds up nobody who sends.
    return session.scalars(
        select(WebhookEndpoint)
        .where(WebhookEndpoint.space_id.in_(space_ids), WebhookEndpoint.enabled)
        .order_by(WebhookEndpoint.id)
        .with_for_update(read=True, key_share=True)
    ).all()


def _names(value: Any, depth: int = 0) -> Iterator[str]:
    if depth > 20:
        raise ValueError("the data of a webhook is nested too deep")
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name)
            yield from _names(inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _names(inner, depth + 1)


def _storable(value: Any) -> Any:
    """Return a value without what PostgreSQL cannot keep in text: NUL, halves of surrogate pairs.

    What people typed must not make the act fail that is told of.
    """
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_storable(str(name)): _storable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    return value


def _plain(value: Any) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


def _ring_after_commit(session: Session, host: Host) -> None:
    if "musekit_webhooks" in session.info:
        return
    session.info["musekit_webhooks"] = True

    @event.listens_for(session, "after_commit")
    def _ring(session: Session) -> None:
        if not session.in_nested_transaction():
            host.broker.enqueue(JOB)
