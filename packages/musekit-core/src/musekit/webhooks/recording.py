"""Writing down what came of tries: delivered, again later, given up; endpoints switched off."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.kernel.database.types import db_after, utc_now
from musekit.kernel.host import Host
from musekit.webhooks import disabling, queue
from musekit.webhooks.models import WebhookDelivery, WebhookEndpoint
from musekit.webhooks.queue import Claimed
from musekit.webhooks.sending import Outcome
from musekit.webhooks.settings import WebhookSettings

#: Tries that a log holds: the last.
LOGGED = 12
#: What an endpoint that fails is left alone for: a tenth of the time it has failed for, between
#: these, in seconds. So a receiver that is down gets few requests, however much waits for it.
PAUSE = (5.0, 600.0)
#: Tries of one message that must have failed before an endpoint is switched off: over half an hour
#: by the usual schedule, so that a short fault is none after a long silence.
ENOUGH = 4


def record(
    session: Session, host: Host, owner: UUID, landed: Sequence[tuple[Claimed, Outcome]]
) -> None:
    """Write down tries, but for those whose lease was another's by then. Runs as the system."""
    if not landed:
        return
    # Endpoints before deliveries, and by id: the order in which everybody locks them.
    endpoints = {
        row.id: row
        for row in session.scalars(
            select(WebhookEndpoint)
            .where(WebhookEndpoint.id.in_({each.endpoint.id for each, _ in landed}))
            .order_by(WebhookEndpoint.id)
            .with_for_update(key_share=True)
        )
    }
    outcomes = {each.delivery.id: outcome for each, outcome in landed}
    for row in queue.mine(session, owner, list(outcomes)):
        note(row, outcomes[row.id])
        _follow(session, host, endpoints[row.endpoint_id], row, outcomes[row.id])


def note(row: WebhookDelivery, outcome: Outcome) -> None:
    """Write a try into the delivery and its log, and let go of it."""
    now = utc_now()
    entry = {
        "at": now.isoformat(), "status": outcome.status, "error": outcome.error, "ms": outcome.ms
    }  # fmt: skip
    row.log = [*row.log, entry][-LOGGED:]
    row.last_status, row.last_ms = outcome.status, outcome.ms
    row.last_error = outcome.error or None
    row.lease_owner = row.lease_until = None
    if outcome.delivered:
        row.state, row.delivered_at = "delivered", now
    else:
        row.state = "failed"


def _follow(
    session: Session,
    host: Host,
    endpoint: WebhookEndpoint,
    row: WebhookDelivery,
    outcome: Outcome,
) -> None:
    """Say how it goes on: with the message, and with the endpoint."""
    settings = host.settings_of(WebhookSettings)
    if outcome.delivered:
        if endpoint.failing_since is not None:
            endpoint.failing_since = None
        return
    if outcome.error != "unreadable":  # that is our fault, not the receiver's
        endpoint.failing_since = endpoint.failing_since or utc_now()
    if row.attempts <= len(settings.schedule):
        wait = max(settings.schedule[row.attempts - 1] * random.uniform(0.9, 1.1), outcome.wait)  # noqa: S311 - spreading load
        row.state, row.next_attempt_at = "pending", db_after(wait)
    session.flush()
    if outcome.error == "gone":
        disabling.switch_off(session, host, endpoint, "gone")
    elif _is_hopeless(endpoint, row, settings):
        disabling.switch_off(session, host, endpoint, "failing")
    else:
        queue.hold_back(session, endpoint.id, max(_pause(endpoint.failing_since), outcome.wait))


def _is_hopeless(
    endpoint: WebhookEndpoint, row: WebhookDelivery, settings: WebhookSettings
) -> bool:
    since = endpoint.failing_since
    enough = min(ENOUGH, len(settings.schedule) + 1)
    return (
        since is not None
        and row.attempts >= enough
        and utc_now() - since >= timedelta(days=settings.disable_after_days)
    )


def _pause(since: datetime | None) -> float:
    failing = (utc_now() - since).total_seconds() if since is not None else 0.0
    least, most = PAUSE
    return min(most, max(least, failing / 10))
