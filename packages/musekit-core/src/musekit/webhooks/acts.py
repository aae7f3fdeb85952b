"""What the edges do with webhooks: a unit of work of the actor, with the act and its entry."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.audit import service as audit
from musekit.errors import UnavailableError
from musekit.kernel.actors import Actor
from musekit.kernel.crypto.keyring import DecryptionError
from musekit.kernel.host import Host
from musekit.webhooks import endpoints, log, sealing
from musekit.webhooks.addresses import shown
from musekit.webhooks.emitting import JOB
from musekit.webhooks.endpoints import Wanted
from musekit.webhooks.log import Logged
from musekit.webhooks.models import WebhookEndpoint


def create(
    request: Request, host: Host, actor: Actor, wanted: Wanted
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint in the actor's space, and its secret; see `endpoints.create`."""
    with host.database.session(actor) as session:
        row, secret = endpoints.create(session, host, _space(actor), wanted, by=actor.user_id)
        _note(session, actor, "webhook.created", row, request)
    return row, secret


def change(
    request: Request, host: Host, actor: Actor, endpoint_id: UUID, wanted: Wanted
) -> WebhookEndpoint:
    """Change one; see `endpoints.change`."""
    with host.database.session(actor) as session:
        row = endpoints.change(session, host, _space(actor), endpoint_id, wanted)
        _note(session, actor, "webhook.changed", row, request, enabled=row.enabled)
    return row


def rotate(
    request: Request, host: Host, actor: Actor, endpoint_id: UUID, *, at_once: bool
) -> tuple[WebhookEndpoint, str]:
    """Give one another secret; see `sealing.rotate`.

    Raises:
        NotFoundError: the space has no such endpoint.
        UnavailableError: the old secret cannot be read, so it cannot go on beside the new one.
    """
    with host.database.session(actor) as session:
        row = endpoints.locked(session, _space(actor), endpoint_id)
        try:
            secret = sealing.rotate(host, row, at_once=at_once)
        except DecryptionError as error:
            raise UnavailableError(
                "The old secret cannot be read here. Let it end at once, and a new one is made."
            ) from error
        _note(session, actor, "webhook.rotated", row, request, at_once=at_once)
    return row, secret


def remove(request: Request, host: Host, actor: Actor, endpoint_id: UUID) -> WebhookEndpoint:
    """Take one away, with its log; see `endpoints.remove`."""
    with host.database.session(actor) as session:
        row = endpoints.remove(session, _space(actor), endpoint_id)
        _note(session, actor, "webhook.removed", row, request)
    return row


def again(host: Host, actor: Actor, endpoint_id: UUID, delivery_id: UUID) -> Logged:
    """Have something told once more; see `log.again`."""
    with host.database.session(actor) as session:
        found = log.again(session, _space(actor), endpoint_id, delivery_id)
    host.broker.enqueue(JOB)
    return found


def _space(actor: Actor) -> UUID:
    assert actor.space_id is not None
    return actor.space_id


def _note(
    session: Session, actor: Actor, action: str, row: WebhookEndpoint, request: Request,
    **detail: bool,
) -> None:  # fmt: skip
    # The host alone: the path of an address often holds a key.
    audit.record(
        session, actor, action, target=("webhook_endpoint", row.id),
        detail={"host": shown(row.url), **detail}, request=request,
    )  # fmt: skip
