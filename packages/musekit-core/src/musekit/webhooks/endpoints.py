"""The webhooks of a space. Runs as the actor, in whose space they are, or as the system."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from musekit.errors import InvalidError, LimitReachedError, NotFoundError
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.spaces.models import Space
from musekit.webhooks import addresses, queue, sealing
from musekit.webhooks.emitting import EVERYTHING
from musekit.webhooks.models import WebhookEndpoint
from musekit.webhooks.settings import WebhookSettings

LONGEST_DESCRIPTION = 200


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked of an endpoint; None leaves a thing as it is."""

    url: str | None = None
    description: str | None = None
    events: Sequence[str] | None = None
    enabled: bool | None = None


def listed(session: Session, space_id: UUID) -> Sequence[WebhookEndpoint]:
    """Return the endpoints of a space, the oldest first."""
    return session.scalars(
        select(WebhookEndpoint)
        .where(WebhookEndpoint.space_id == space_id)
        .order_by(WebhookEndpoint.created_at, WebhookEndpoint.id)
    ).all()


def of_user(session: Session, user_id: UUID) -> list[dict[str, Any]]:
    """Return the endpoints of a user's personal space, for their export. Runs as the system."""
    rows = session.scalars(
        select(WebhookEndpoint)
        .join(Space, Space.id == WebhookEndpoint.space_id)
        .where(Space.personal_user_id == user_id)
        .order_by(WebhookEndpoint.created_at)
    )
    return [
        {
            "url": row.url, "description": row.description, "events": row.events,
            "enabled": row.enabled, "created_at": row.created_at.isoformat(),
        }
        for row in rows
    ]  # fmt: skip


def get(session: Session, space_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    """Return an endpoint of a space; NotFoundError if it has none of that id."""
    row = session.scalars(
        select(WebhookEndpoint).where(
            WebhookEndpoint.id == endpoint_id, WebhookEndpoint.space_id == space_id
        )
    ).one_or_none()
    if row is None:
        raise NotFoundError("There is no such webhook here.")
    return row


def locked(session: Session, space_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    """Return an endpoint that nobody else changes until the commit; NotFoundError as `get`."""
    get(session, space_id, endpoint_id)
    row = session.scalars(
        select(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFoundError("There is no such webhook here.")
    return row


def create(
    session: Session, host: Host, space_id: UUID, wanted: Wanted, *, by: UUID | None
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint; return it with its secret, which cannot be shown again.

    Raises:
        InvalidError: the address may not be called, or no event is chosen that there is.
        LimitReachedError: the space has as many as it may have.
    """
    row = WebhookEndpoint(
        id=new_id(), space_id=space_id, url=addresses.checked(host, wanted.url or ""),
        description=_described(wanted.description or ""), created_by=by,
        events=chosen(host, wanted.events or ()), enabled=wanted.enabled is not False,
    )  # fmt: skip
    _demand_room(session, host, space_id)
    secret = sealing.fresh(host, row)
    session.add(row)
    session.flush()
    return row, secret


def change(
    session: Session, host: Host, space_id: UUID, endpoint_id: UUID, wanted: Wanted
) -> WebhookEndpoint:
    """Change an endpoint. Switched on again it is as good as new; switched off it drops what waits.

    Raises:
        NotFoundError: the space has none of that id.
        InvalidError: as `create`.
    """
    row = locked(session, space_id, endpoint_id)
    if wanted.url is not None:
        row.url = addresses.checked(host, wanted.url)
    if wanted.description is not None:
        row.description = _described(wanted.description)
    if wanted.events is not None:
        row.events = chosen(host, wanted.events, known=row.events)
    if wanted.enabled is not None and wanted.enabled != row.enabled:
        row.enabled = wanted.enabled
        row.disabled_reason = None if wanted.enabled else "person"
        row.failing_since = None
        session.flush()
        if not row.enabled:
            queue.drop(session, [row.id], "the endpoint is switched off")
    session.flush()
    return row


def remove(session: Session, space_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    """Take an endpoint away with its log. NotFoundError if the space has none of that id."""
    row = locked(session, space_id, endpoint_id)
    session.delete(row)
    session.flush()
    return row


def chosen(host: Host, events: Iterable[str], *, known: Iterable[str] = ()) -> list[str]:
    """Return the events that an endpoint takes; every one, if that is among them.

    Args:
        known: those it has had, which may be of a plugin that is not installed just now.

    Raises:
        InvalidError: none is chosen, or there is no such event.
    """
    wanted = set(events)
    if EVERYTHING in wanted:
        return [EVERYTHING]
    unknown = sorted(wanted - host.registry.webhook_events.keys() - set(known))
    if unknown or not wanted:
        raise InvalidError(
            "The webhook was not saved.",
            errors=[{
                "field": "events",
                "message": f"there is no event {unknown[0][:100]}" if unknown
                else "choose at least one event",
            }],
        )  # fmt: skip
    return sorted(wanted)


def _described(text: str) -> str:
    text = " ".join(text.split())
    if len(text) > LONGEST_DESCRIPTION or not text.isprintable():
        raise InvalidError(
            "The webhook was not saved.",
            errors=[{
                "field": "description",
                "message": f"write at most {LONGEST_DESCRIPTION} characters",
            }],
        )  # fmt: skip
    return text


def _demand_room(session: Session, host: Host, space_id: UUID) -> None:
    """Raise `LimitReachedError` where a space is full; two who make one at once are in turn."""
    if host.database.is_postgres:
        key = space_id.int % 2**63
        session.execute(select(func.pg_advisory_xact_lock(key)))
    most = host.settings_of(WebhookSettings).per_space
    there = session.scalar(
        select(func.count(WebhookEndpoint.id)).where(WebhookEndpoint.space_id == space_id)
    )
    if (there or 0) >= most:
        raise LimitReachedError(
            f"This space has {most} webhooks, as many as it may have. Take one away that is not"
            " needed; nothing was changed.",
            limit="webhooks", max=most, used=there,
        )  # fmt: skip
