"""The operator's page of webhooks: where they lead and how they go, nothing of what is told."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from musekit.admin.rules import SYSTEM, Acting, Operator, Wanted
from musekit.errors import NotFoundError
from musekit.kernel.listing import newest_first
from musekit.kernel.web.access import HostDep
from musekit.kernel.web.flash import flash, refusals
from musekit.kernel.web.pages import redirect, render
from musekit.webhooks import overview
from musekit.webhooks.models import WebhookEndpoint

router = APIRouter(prefix="/admin/webhooks")
PAGE = "/admin/webhooks"


class Filter(Wanted):
    """What of the list is asked for."""

    state: str = ""


@router.get("")
def webhooks_of_all_page(
    request: Request, host: HostDep, actor: Operator, wanted: Annotated[Filter, Query()]
) -> Response:
    """Show how deliveries go, and the endpoints of all spaces."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = newest_first(
            session, host, overview.query(state=wanted.state), WebhookEndpoint.created_at,
            WebhookEndpoint.id, after=wanted.after,
        )  # fmt: skip
        rows, counts = overview.rows(session, found.items), overview.counts(session)
    return render(
        request, "musekit/webhooks/admin.html", rows=rows, counts=counts, next=found.next,
        wanted=wanted.model_dump(exclude={"search"}),
    )  # fmt: skip


@router.post("/{endpoint_id}/switch-off")
def switch_webhook_off(
    request: Request, host: HostDep, actor: Acting, endpoint_id: UUID
) -> Response:
    """Switch one off; who keeps it is told by mail."""
    with refusals(request, NotFoundError, tone="info"):
        with host.database.session(SYSTEM) as session:
            overview.switch_off(session, host, endpoint_id, by=actor, request=request)
        flash(request, "The webhook is off. Those who keep it are told by mail.")
    return redirect(PAGE)
