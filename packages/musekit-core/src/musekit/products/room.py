"""How many spaces and members the owner of a space has: what the limits of those names count."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from musekit.kernel.actors import Actor
from musekit.kernel.host import Host


def spaces(host: Host, space_id: UUID) -> int | None:
    """Return how many spaces the organization of a space has; None without one."""
    return _taken(host, space_id, "spaces")


def members(host: Host, space_id: UUID) -> int | None:
    """Return how many people are in the organization of a space; None without one."""
    return _taken(host, space_id, "members")


def _taken(host: Host, space_id: UUID, kind: Literal["spaces", "members"]) -> int | None:
    from musekit.organizations import caps
    from musekit.products.owners import owner_of

    with host.database.session(Actor.system("plans"), readonly=True) as session:
        organization_id = owner_of(session, space_id).organization_id
        return None if organization_id is None else caps.used(session, organization_id, kind)
