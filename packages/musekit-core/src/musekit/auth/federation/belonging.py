"""Who comes by an organization's own service, into that organization and nowhere else.

The service is the organization's word for who somebody is. It makes members of those who are new,
with the least role; it brings nobody back whom the organization has taken out, and opens nothing
else of an account that it once made.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.errors import ForbiddenError
from musekit.organizations import caps, service
from musekit.spaces.models import Space

ROLE = "viewer"


def space_in(session: Session, organization_id: UUID, user_id: UUID) -> UUID:
    """Return the space of an organization that its member comes to. Runs as the system.

    Raises:
        ForbiddenError: they belong to none of its spaces, or it is being deleted.
    """
    if any(each.id == organization_id for each in service.joined(session, user_id)):
        for space in service.spaces_in(session, organization_id, user_id):
            return space.id
    raise ForbiddenError(
        "You do not belong to this organization any more. Ask one of its admins to invite you."
    )


def join(session: Session, organization_id: UUID, user_id: UUID, cap: caps.Cap) -> UUID:
    """Make somebody new a member, in the organization's first space; return that.

    Raises:
        LimitReachedError: its plan has no room for them.
        NotFoundError: the organization is gone.
    """
    service.locked(session, organization_id)
    first = session.scalars(
        select(Space.id)
        .where(Space.organization_id == organization_id)
        .order_by(Space.created_at, Space.id)
        .limit(1)
    ).all()
    service.join(session, organization_id, user_id, ROLE, first, cap=cap)
    return space_in(session, organization_id, user_id)
