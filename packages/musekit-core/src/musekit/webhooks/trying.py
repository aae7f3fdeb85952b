"""The test button: a sample is sent at once, once, and its outcome is told and logged.

Two units of work of the actor with the call between them. A process that is killed in the middle
leaves a delivery whose lease runs out; the job then sends it.
"""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from musekit.errors import InvalidError, UnavailableError
from musekit.kernel.actors import Actor
from musekit.kernel.crypto.keyring import DecryptionError
from musekit.kernel.database.types import db_after, utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.webhooks import emitting, endpoints, log, recording, sealing, sending
from musekit.webhooks.delivery import SLACK
from musekit.webhooks.models import WebhookEndpoint
from musekit.webhooks.sending import Outcome
from musekit.webhooks.settings import WebhookSettings


class Tried(NamedTuple):
    """A test: the delivery that stands in the log, and what came of it."""

    delivery_id: UUID
    message_id: UUID
    event: str
    outcome: Outcome


def try_out(host: Host, actor: Actor, endpoint_id: UUID, event: str = "") -> Tried:
    """Send the sample of an event to an endpoint, also to one that is switched off.

    The receiver knows it by the member ``test`` of its body.

    Args:
        event: which; empty: the first that the endpoint takes.

    Raises:
        NotFoundError: the space has no such endpoint.
        InvalidError: there is no such event.
        UnavailableError: the secret cannot be read.
    """
    assert actor.space_id is not None
    seconds, owner = host.settings_of(WebhookSettings).timeout_seconds, new_id()
    with host.database.session(actor) as session:
        endpoint = endpoints.get(session, actor.space_id, endpoint_id)
        event = event or first_of(host, endpoint)
        declared = host.registry.webhook_events.get(event)
        if declared is None:
            raise InvalidError(
                "Nothing was sent.",
                errors=[{"field": "event", "message": f"there is no event {event[:100]}"}],
            )
        try:
            live = [one.secret for one in sealing.open_all(host, endpoint)]
        except DecryptionError as error:
            raise UnavailableError(
                "The secret of this webhook cannot be read here. Nothing was sent; make a new one."
            ) from error
        message = emitting.written(
            actor.space_id, event, emitting.checked(declared.sample), utc_now(), test=True
        )
        session.add(message)
        session.flush()
        delivery = emitting.waiting(endpoint, message)
        delivery.state, delivery.attempts, delivery.lease_owner = "sending", 1, owner
        lease = db_after(seconds + SLACK)
        delivery.lease_until = delivery.next_attempt_at = lease
        session.add(delivery)
    portal = host.portal
    outcome = portal.call(
        sending.send, portal.client, endpoint.url, message.id, message.payload,
        secrets=live, seconds=seconds,
    )  # fmt: skip
    with host.database.session(actor) as session:
        row = log.find(session, actor.space_id, endpoint_id, delivery.id).delivery
        if row.lease_owner == owner:
            recording.note(row, outcome)
    return Tried(delivery.id, message.id, event, outcome)


def first_of(host: Host, endpoint: WebhookEndpoint) -> str:
    """Return the first event that an endpoint takes; "" if there is none just now."""
    known = host.registry.webhook_events
    return next((key for key in sorted(known) if emitting.takes(endpoint, key)), "")
