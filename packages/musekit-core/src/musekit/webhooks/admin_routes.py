"""``/api/admin/webhooks``: where webhooks lead and how they go, nothing of what is told."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from musekit.admin.rules import SYSTEM, Acting, Operator
from musekit.kernel.listing import newest_first
from musekit.kernel.web.access import HostDep
from musekit.webhooks import overview
from musekit.webhooks import schemas as s
from musekit.webhooks.models import WebhookEndpoint

router = APIRouter(prefix="/api/admin/webhooks", tags=["Administration"])


class AskedWebhooks(BaseModel):
    """Which endpoints are asked for."""

    state: Literal["", "failing", "off"] = ""
    cursor: str = Field("", max_length=500)


@router.get("")
def list_all_webhooks(
    host: HostDep, actor: Operator, asked: Annotated[AskedWebhooks, Query()]
) -> s.AdminWebhookList:
    """List the endpoints of all spaces, the newest first."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = newest_first(
            session, host, overview.query(state=asked.state), WebhookEndpoint.created_at,
            WebhookEndpoint.id, after=asked.cursor,
        )  # fmt: skip
        rows = overview.rows(session, found.items)
    items = [s.AdminWebhook.model_validate(each) for each in rows]
    return s.AdminWebhookList(items=items, next_cursor=found.next)


@router.get("/numbers")
def count_webhooks(host: HostDep, actor: Operator) -> s.WebhookNumbers:
    """Say how deliveries of all spaces go."""
    with host.database.session(SYSTEM, readonly=True) as session:
        return s.WebhookNumbers.model_validate(overview.counts(session))


@router.post("/{endpoint_id}/switch-off", status_code=204)
def switch_webhook_off(request: Request, host: HostDep, actor: Acting, endpoint_id: UUID) -> None:
    """Switch one off; who keeps it is told by mail."""
    with host.database.session(SYSTEM) as session:
        overview.switch_off(session, host, endpoint_id, by=actor, request=request)
