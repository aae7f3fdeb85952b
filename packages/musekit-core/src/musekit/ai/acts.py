"""What the edges do with services: a unit of work with the act and its entry in the log."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request

from musekit.ai import choosing, configs, service
from musekit.ai.models import AIConfiguration
from musekit.ai.opening import SYSTEM
from musekit.ai.results import AIResult
from musekit.audit import service as audit
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.providers import AICall, Message


def save(
    request: Request,
    host: Host,
    actor: Actor,
    wanted: configs.Wanted,
    *,
    organization_id: UUID | None,
) -> AIConfiguration:
    """Set a service up for an organization, or (None) as the operator; see `configs.save`."""
    with host.database.session(SYSTEM) as session:
        row = configs.save(session, host, wanted, organization_id=organization_id, by=actor.user_id)
        audit.record(
            session, actor, "ai.configured", target=("ai_config", row.id),
            detail={"provider": row.provider, "model": row.model, "base_url": row.base_url,
                    "replaced": bool(wanted.key.strip())},
            organization_id=organization_id, request=request,
        )  # fmt: skip
    return row


def remove(
    request: Request, host: Host, actor: Actor, config_id: UUID, *, organization_id: UUID | None
) -> AIConfiguration:
    """Take a service away; see `configs.remove`."""
    with host.database.session(SYSTEM) as session:
        row = configs.remove(session, config_id, organization_id=organization_id)
        audit.record(
            session, actor, "ai.removed", target=("ai_config", row.id),
            detail={"provider": row.provider}, organization_id=organization_id, request=request,
        )  # fmt: skip
    return row


def try_out(
    host: Host,
    actor: Actor,
    config_id: UUID,
    *,
    organization_id: UUID | None,
    space_id: UUID | None = None,
) -> AIResult:
    """Ask a service for a word. Raises as `service.complete`, or NotFoundError.

    Args:
        space_id: where it is counted, for an actor who is in no space.
    """
    with host.database.session(SYSTEM, readonly=True) as session:
        row = configs.get(session, config_id, organization_id=organization_id)
        choice = choosing.of_row(host, row)
    first = next((each.key for each in host.registry.products), "")
    call = AICall(
        purpose="test", product=first, max_tokens=64,
        messages=[Message(role="user", content="Answer with the word: ready")],
    )  # fmt: skip
    return service.complete(host, actor, call, space_id=space_id, choice=choice)
