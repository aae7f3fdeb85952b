"""The organization that a request is about: that of the space one is in."""

from __future__ import annotations

from uuid import UUID

from musekit.auth.resolve import SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.organizations import service
from musekit.organizations.models import Organization


def here(host: Host, actor: Actor, organization_id: UUID | None = None) -> Organization:
    """Return it. A unit of its own, before that of the act.

    Args:
        organization_id: the one that the request names, if it does.

    Raises:
        NotFoundError: one is in a personal space, or in one of another organization.
    """
    with host.database.session(SYSTEM, readonly=True) as session:
        if organization_id is None:
            return service.of(session, actor.space_id)
        return service.at(session, actor.space_id, organization_id)
