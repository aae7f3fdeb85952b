"""What the operator sees of webhooks: where they lead and how they go, nothing of what is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.errors import NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.database.conditions import one_of
from musekit.kernel.database.types import db_now, utc_now
from musekit.kernel.host import Host
from musekit.spaces.models import Space
from musekit.webhooks import disabling
from musekit.webhooks.addresses import shown
from musekit.webhooks.models import WebhookDelivery, WebhookEndpoint
from musekit.webhooks.queue import OPEN


class Row(NamedTuple):
    """An endpoint, as the operator sees it: the host, for the path may hold a key."""

    id: UUID
    host: str
    space: str
    enabled: bool
    disabled_reason: str | None
    failing_since: datetime | None
    created_at: datetime
    waiting: int


class Counts(NamedTuple):
    """Numbers of the deployment."""

    endpoints: int
    failing: int
    off: int
    overdue: int
    by_state: dict[str, int]  #: of deliveries of the last day


def query(*, state: str = "") -> Select[Any]:
    """Return the query for the endpoints of all spaces: all, ``failing`` or ``off``."""
    found = select(WebhookEndpoint)
    if state == "failing":
        found = found.where(
            WebhookEndpoint.enabled, WebhookEndpoint.failing_since.is_not(None)
        )  # fmt: skip
    elif state == "off":
        found = found.where(WebhookEndpoint.enabled.is_(False))
    return found


def rows(session: Session, found: Sequence[WebhookEndpoint]) -> list[Row]:
    """Return endpoints with their spaces and with how much waits for each."""
    places = {each.space_id for each in found}
    spaces = dict(session.execute(select(Space.id, Space.name).where(Space.id.in_(places))).all())
    waiting = dict(
        session.execute(
            select(WebhookDelivery.endpoint_id, func.count())
            .where(
                WebhookDelivery.endpoint_id.in_({each.id for each in found}),
                one_of(WebhookDelivery.state, OPEN),
            )
            .group_by(WebhookDelivery.endpoint_id)
        ).all()
    )  # fmt: skip
    return [
        Row(
            id=each.id, host=shown(each.url), space=spaces.get(each.space_id, ""),
            enabled=each.enabled, disabled_reason=each.disabled_reason,
            failing_since=each.failing_since, created_at=each.created_at,
            waiting=waiting.get(each.id, 0),
        )
        for each in found
    ]  # fmt: skip


def counts(session: Session) -> Counts:
    """Return the numbers of all spaces."""
    kinds = session.execute(
        select(
            func.count(),
            func.count().filter(
                WebhookEndpoint.enabled, WebhookEndpoint.failing_since.is_not(None)
            ),
            func.count().filter(WebhookEndpoint.enabled.is_(False)),
        ).select_from(WebhookEndpoint)
    ).one()
    overdue = session.scalar(
        select(func.count(WebhookDelivery.id)).where(
            one_of(WebhookDelivery.state, OPEN), WebhookDelivery.next_attempt_at <= db_now()
        )
    )
    day = select(WebhookDelivery.state, func.count()).where(
        WebhookDelivery.created_at > utc_now() - timedelta(days=1)
    )
    states = session.execute(day.group_by(WebhookDelivery.state)).all()
    return Counts(*kinds, overdue=overdue or 0, by_state=dict(states))


def switch_off(
    session: Session, host: Host, endpoint_id: UUID, *, by: Actor, request: Request
) -> WebhookEndpoint:
    """Switch somebody's endpoint off, such as one that is abused; its keepers are mailed.

    Args:
        by: the operator, for the audit log.

    Raises:
        NotFoundError: it is gone, or off already.
    """
    row = session.scalars(
        select(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.enabled)
        .with_for_update(key_share=True)
    ).one_or_none()
    if row is None:
        raise NotFoundError("There is no such webhook, or it is off already.")
    disabling.switch_off(session, host, row, "operator", by=by, request=request)
    return row
