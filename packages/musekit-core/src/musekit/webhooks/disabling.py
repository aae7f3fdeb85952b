"""Switching an endpoint off that does not work, and saying so to those who can mend it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.audit import service as audit
from musekit.auth.models import User
from musekit.email import service as email
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.spaces.models import Space, SpaceMember
from musekit.webhooks import queue
from musekit.webhooks.addresses import shown
from musekit.webhooks.models import WebhookEndpoint

SYSTEM = Actor.system("webhooks")
#: Roles that hold the right to change webhooks.
KEEPERS = ("owner", "admin")


def switch_off(
    session: Session,
    host: Host,
    endpoint: WebhookEndpoint,
    reason: str,
    *,
    by: Actor = SYSTEM,
    request: Request | None = None,
) -> None:
    """Switch an endpoint off and drop what waits for it; mail owners and admins of its space.

    Runs as the system. What was dropped stays in the log, and can be sent again by hand.

    Args:
        reason: ``gone`` (it has answered 410), ``failing`` or ``operator``.
        by: whose act it is; `request`: theirs.
    """
    if not endpoint.enabled:
        return
    endpoint.enabled, endpoint.disabled_reason = False, reason
    session.flush()
    queue.drop(session, [endpoint.id], "the endpoint is switched off")
    audit.record(
        session, by, "webhook.disabled", target=("webhook_endpoint", endpoint.id),
        detail={"reason": reason, "host": shown(endpoint.url)}, space_id=endpoint.space_id,
        request=request,
    )  # fmt: skip
    space = session.get_one(Space, endpoint.space_id)
    at = utc_now()
    for user in keepers(session, endpoint.space_id):
        email.queue(
            session, host, "webhook-disabled", to=user, space_id=space.id,
            context={
                "address": shown(endpoint.url), "space": space.name, "reason": reason,
                "since": endpoint.failing_since or at, "zone": user.zone,
                "url": f"{host.settings.public_url.rstrip('/')}{page_of(space)}/{endpoint.id}",
            },
            dedupe_key=f"webhook-disabled:{endpoint.id}:{user.id}:{at.isoformat()}",
        )  # fmt: skip


def page_of(space: Space) -> str:
    """Return the path under which the webhooks of a space are kept."""
    return "/account/webhooks" if space.organization_id is None else "/organization/webhooks"


def keepers(session: Session, space_id: UUID) -> Sequence[User]:
    """Return who may change the webhooks of a space."""
    return session.scalars(
        select(User)
        .join(SpaceMember, SpaceMember.user_id == User.id)
        .where(SpaceMember.space_id == space_id, SpaceMember.role.in_(KEEPERS))
        .order_by(User.id)
    ).all()
