"""Spaces of a person: which there are, and moving between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.auth import accounts
from musekit.errors import InvalidError, NotFoundError
from musekit.organizations.models import Organization
from musekit.spaces.models import Space, SpaceMember


class Membership(NamedTuple):
    """A space with the role that somebody has in it."""

    id: UUID
    name: str
    role: str
    is_personal: bool
    organization_id: UUID | None = None
    organization: str | None = None  #: its name


def memberships(session: Session, user_id: UUID) -> Sequence[Membership]:
    """Return the spaces a user belongs to, the personal one first, then by organization.

    Runs as the system.
    """
    rows = session.execute(
        select(
            Space.id, Space.name, SpaceMember.role, Space.personal_user_id == user_id,
            Organization.id, Organization.name,
        )
        .join(SpaceMember, SpaceMember.space_id == Space.id)
        .outerjoin(Organization, Organization.id == Space.organization_id)
        .where(SpaceMember.user_id == user_id)
        .order_by(
            Space.personal_user_id.is_(None), Organization.name, Organization.id, Space.name,
            Space.id,
        )
    )  # fmt: skip
    return [Membership(row[0], row[1], row[2], bool(row[3]), row[4], row[5]) for row in rows]


def membership(session: Session, user_id: UUID, space_id: UUID) -> Membership:
    """Return one membership; NotFoundError if the user does not belong to the space."""
    for each in memberships(session, user_id):
        if each.id == space_id:
            return each
    raise NotFoundError("There is no such space, or you do not belong to it.")


def personal_space(session: Session, user_id: UUID) -> Space:
    """Return a user's personal space, which every user has. Runs as the system."""
    return session.scalars(select(Space).where(Space.personal_user_id == user_id)).one()


def change_personal(
    session: Session, user_id: UUID, *, name: str | None = None, timezone: str | None = None
) -> Space:
    """Give a user's personal space another name or clock; None leaves a thing as it is.

    What is scheduled keeps its moment; what is counted by day is counted by the new days.

    Raises:
        InvalidError: the name or the zone is not acceptable.
    """
    space = personal_space(session, user_id)
    if name is not None:
        space.name = accounts.checked_name(name)
        if not space.name:
            raise InvalidError(
                "Nothing was saved.", errors=[{"field": "name", "message": "give it a name"}]
            )
    if timezone is not None:
        space.timezone = accounts.checked_timezone(timezone)
    return space


def personal_space_id(session: Session, user_id: UUID) -> UUID:
    """Return the id of a user's personal space, which every user has."""
    return session.scalars(select(Space.id).where(Space.personal_user_id == user_id)).one()
