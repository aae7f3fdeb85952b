"""How much is used of a limit that no counter counts, for the pages and answers of the core."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from musekit.api import Host


def spaces(host: Host, space_id: UUID) -> int | None:
    """Return how many spaces the organization has; None for a person's own."""
    from musekit.api import room

    return room.spaces(host, space_id)


def members(host: Host, space_id: UUID) -> int | None:
    """Return how many people are in the organization; None for a person's own space."""
    from musekit.api import room

    return room.members(host, space_id)


def accounts(host: Host, space_id: UUID) -> int:
    """Return how many accounts are connected."""
    from musekit.api import Actor
    from passivepost.accounts import service

    with host.database.session(Actor.system("plans"), readonly=True) as session:
        return service.connected(session, space_id)
