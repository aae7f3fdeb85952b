"""Who listens: asked by those who would otherwise gather what nobody wants to know."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.webhooks.models import WebhookEndpoint


def listening(session: Session, *events: str) -> dict[UUID, datetime]:
    """Return the spaces with an enabled endpoint for one of these events, and since when.

    Args:
        session: of the system.
        events: keys of events; an endpoint that takes all takes each.
    """
    wanted = {"*", *events}
    found: dict[UUID, datetime] = {}
    for row in session.execute(
        select(WebhookEndpoint.space_id, WebhookEndpoint.events, WebhookEndpoint.created_at)
        .where(WebhookEndpoint.enabled)
        .order_by(WebhookEndpoint.created_at)
    ):
        if wanted & set(row.events):
            found.setdefault(row.space_id, row.created_at)
    return found
