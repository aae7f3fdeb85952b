"""``/api/webhooks``: the endpoints of the space, their secrets and their log."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.listing import newest_first
from musekit.kernel.web.access import HostDep, ReadSession, requires
from musekit.kernel.web.idempotency import no_store
from musekit.webhooks import acts, endpoints, log, sealing, signing, trying
from musekit.webhooks import schemas as s
from musekit.webhooks.endpoints import Wanted
from musekit.webhooks.limits import TESTS
from musekit.webhooks.models import WebhookDelivery, WebhookEndpoint
from musekit.webhooks.person import demand_recent

router = APIRouter(prefix="/api/webhooks", tags=["Webhooks"])

Reader = Annotated[Actor, requires("webhooks.read")]
Keeper = Annotated[Actor, requires("webhooks.write")]
#: Where a secret is shown: a lasting way out must not come from an operator who acts as somebody.
InPerson = Annotated[Actor, requires("webhooks.write", in_person=True)]
#: The same of an address; also for members whom the organization's own service let in.
Leading = Annotated[Actor, requires("webhooks.write", in_person=True, bound=True)]
Trying = Annotated[Actor, requires("webhooks.write", limit=TESTS)]


@router.get("/events")
def list_webhook_events(host: HostDep, actor: Reader) -> s.EventList:
    """List the events that can be told."""
    known = sorted(host.registry.webhook_events.values(), key=lambda each: each.key)
    return s.EventList(
        items=[s.EventOut(event=x.key, label=x.label, sample=dict(x.sample)) for x in known]
    )


@router.get("")
def list_webhooks(host: HostDep, actor: Reader, session: ReadSession) -> s.WebhookList:
    """List the endpoints of the space."""
    assert actor.space_id is not None
    rows = endpoints.listed(session, actor.space_id)
    return s.WebhookList(items=[_out(host, row) for row in rows])


@router.post("", status_code=201)
@no_store
def create_webhook(
    request: Request, host: HostDep, actor: InPerson, body: s.NewWebhook
) -> s.WebhookMade:
    """Make an endpoint. Its secret is in this answer and nowhere else."""
    demand_recent(host, actor)
    row, secret = acts.create(request, host, actor, Wanted(**body.model_dump()))
    return s.WebhookMade(**_out(host, row).model_dump(), signing_secret=secret)


@router.get("/{endpoint_id}")
def get_webhook(
    host: HostDep, actor: Reader, session: ReadSession, endpoint_id: UUID
) -> s.WebhookOut:
    """Get an endpoint."""
    assert actor.space_id is not None
    return _out(host, endpoints.get(session, actor.space_id, endpoint_id))


@router.patch("/{endpoint_id}")
def change_webhook(
    request: Request, host: HostDep, actor: Leading, endpoint_id: UUID, body: s.WebhookChanges
) -> s.WebhookOut:
    """Change an endpoint; switched off, it drops what waits for it."""
    row = acts.change(request, host, actor, endpoint_id, Wanted(**body.model_dump()))
    return _out(host, row)


@router.delete("/{endpoint_id}", status_code=204)
def delete_webhook(request: Request, host: HostDep, actor: Keeper, endpoint_id: UUID) -> None:
    """Take an endpoint away, with its log."""
    acts.remove(request, host, actor, endpoint_id)


@router.post("/{endpoint_id}/rotate")
@no_store
def rotate_webhook(
    request: Request, host: HostDep, actor: InPerson, endpoint_id: UUID, body: s.Rotation
) -> s.WebhookMade:
    """Give an endpoint another secret. It is in this answer and nowhere else."""
    demand_recent(host, actor)
    row, secret = acts.rotate(request, host, actor, endpoint_id, at_once=body.at_once)
    return s.WebhookMade(**_out(host, row).model_dump(), signing_secret=secret)


@router.post("/{endpoint_id}/test")
def try_webhook(
    host: HostDep, actor: Trying, endpoint_id: UUID, body: s.TestOfWebhook
) -> s.TestOut:
    """Send a sample to an endpoint, once, and say how that went."""
    tried = trying.try_out(host, actor, endpoint_id, body.event)
    return s.TestOut(
        delivery_id=tried.delivery_id, message_id=signing.message_name(tried.message_id),
        event=tried.event, delivered=tried.outcome.delivered, status=tried.outcome.status,
        error=tried.outcome.error, ms=tried.outcome.ms,
    )  # fmt: skip


@router.get("/{endpoint_id}/deliveries")
def list_webhook_deliveries(
    host: HostDep,
    actor: Reader,
    session: ReadSession,
    endpoint_id: UUID,
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> s.DeliveryList:
    """List what an endpoint was told, and how that went."""
    assert actor.space_id is not None
    endpoints.get(session, actor.space_id, endpoint_id)
    found = newest_first(
        session, host, log.deliveries(actor.space_id, endpoint_id), WebhookDelivery.created_at,
        WebhookDelivery.id, after=cursor,
    )  # fmt: skip
    events = log.events_of(session, found.items)
    return s.DeliveryList(
        items=[_delivery(row, events.get(row.message_id, "")) for row in found.items],
        next_cursor=found.next,
    )


@router.post("/{endpoint_id}/deliveries/{delivery_id}/again", status_code=202)
def repeat_webhook_delivery(
    host: HostDep, actor: Trying, endpoint_id: UUID, delivery_id: UUID
) -> s.DeliveryOut:
    """Have a message told once more, under the same id."""
    found = acts.again(host, actor, endpoint_id, delivery_id)
    return _delivery(found.delivery, found.message.event)


def _out(host: Host, row: WebhookEndpoint) -> s.WebhookOut:
    return s.WebhookOut(
        id=row.id, url=row.url, events=row.events, description=row.description,
        enabled=row.enabled, disabled_reason=row.disabled_reason,
        failing_since=row.failing_since, rotating_until=sealing.rotating_until(host, row),
        created_at=row.created_at,
    )  # fmt: skip


def _delivery(row: WebhookDelivery, event: str) -> s.DeliveryOut:
    return s.DeliveryOut.model_validate({
        "id": row.id, "message_id": signing.message_name(row.message_id), "event": event,
        "state": row.state, "attempts": row.attempts,
        "next_attempt_at": row.next_attempt_at if row.state == "pending" else None,
        "status": row.last_status, "error": row.last_error, "ms": row.last_ms, "tries": row.log,
        "delivered_at": row.delivered_at, "created_at": row.created_at,
    })  # fmt: skip
