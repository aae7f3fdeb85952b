"""What the edges do with spaces of organizations: a unit of work with the act and its entry."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request

from musekit.audit import service as audit
from musekit.auth.resolve import SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.organizations import caps, events, service, spaces
from musekit.organizations.models import Organization
from musekit.products import tiers
from musekit.spaces.models import Space


def add(request: Request, host: Host, actor: Actor, organization: Organization, name: str) -> Space:
    """Make a further space. Errors as `service.add_space`."""
    cap = caps.of(host, organization.id, "spaces")
    with host.database.session(SYSTEM) as session:
        space = service.add_space(session, organization.id, name, cap=cap)
        events.space_created(session, host, organization.id, space.id)
        audit.record(
            session, actor, "space.created", target=("space", space.id), space_id=space.id,
            organization_id=organization.id, request=request,
        )  # fmt: skip
    return space


def change(
    request: Request, host: Host, actor: Actor, organization: Organization, space_id: UUID, *,
    name: str | None = None, timezone: str | None = None,
) -> Space:  # fmt: skip
    """Name a space anew, or change its clock; see `spaces.change`."""
    with host.database.session(SYSTEM) as session:
        space = spaces.change(session, organization.id, space_id, name=name, timezone=timezone)
        audit.record(
            session, actor, "space.changed", target=("space", space_id), space_id=space_id,
            detail={"named": name is not None, "timezone": timezone},
            organization_id=organization.id, request=request,
        )  # fmt: skip
    tiers.forget(host, [space_id])
    return space


def give(
    request: Request, host: Host, actor: Actor, organization: Organization, space_id: UUID, *,
    user_id: UUID, role: str,
) -> None:  # fmt: skip
    """Put a member into a space, or change what they are there; see `spaces.give`."""
    with host.database.session(SYSTEM) as session:
        before = spaces.give(session, organization.id, space_id, user_id, role)
        audit.record(
            session, actor, "space.member_given", target=("user", user_id), space_id=space_id,
            detail={"before": before, "after": role}, organization_id=organization.id,
            request=request,
        )  # fmt: skip


def take(
    request: Request, host: Host, actor: Actor, organization: Organization, space_id: UUID, *,
    user_id: UUID,
) -> None:  # fmt: skip
    """Take a member out of a space; see `spaces.take`."""
    with host.database.session(SYSTEM) as session:
        spaces.take(session, organization.id, space_id, user_id)
        audit.record(
            session, actor, "space.member_taken", target=("user", user_id), space_id=space_id,
            organization_id=organization.id, request=request,
        )  # fmt: skip
