"""The spaces of an organization: what they are called, their clock, and who is in them.

Runs as the system, after the edge's check of rights. Owners and admins are in every space; editors
and viewers in those they are given, with no more than their role in the organization.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from musekit.auth.accounts import checked_timezone
from musekit.auth.models import User
from musekit.errors import ConflictError, InvalidError, NotFoundError
from musekit.kernel.database.types import utc_now
from musekit.organizations import service
from musekit.organizations.models import OrganizationMember
from musekit.spaces.models import Space, SpaceMember

#: Roles that somebody can be given in one space.
GIVEN = ("editor", "viewer")


class Person(NamedTuple):
    """A member of the organization, as seen from one of its spaces."""

    user_id: UUID
    name: str
    email: str
    role: str | None  #: in the space; None: not in it
    highest: str  #: in the organization

    @property
    def everywhere(self) -> bool:
        """True for who is in every space by their role."""
        return self.highest in service.EVERYWHERE

    @property
    def choices(self) -> Sequence[str]:
        """Roles that they can be given in the space."""
        return [each for each in GIVEN if service.rank(each) >= service.rank(self.highest)]


class Listed(NamedTuple):
    """A space with how many are in it."""

    id: UUID
    name: str
    timezone: str
    people: int


def listed(session: Session, organization_id: UUID) -> Sequence[Listed]:
    """Return the spaces of an organization, by name."""
    rows = session.execute(
        select(Space.id, Space.name, Space.timezone, func.count(SpaceMember.user_id))
        .outerjoin(SpaceMember, SpaceMember.space_id == Space.id)
        .where(Space.organization_id == organization_id)
        .group_by(Space.id, Space.name, Space.timezone)
        .order_by(Space.name, Space.id)
    )
    return [Listed._make(row) for row in rows]


def find(session: Session, organization_id: UUID, space_id: UUID) -> Space:
    """Return a space of an organization; NotFoundError if it has none of that id."""
    found = session.get(Space, space_id)
    if found is None or found.organization_id != organization_id:
        raise NotFoundError("There is no such space in this organization.")
    return found


def change(
    session: Session, organization_id: UUID, space_id: UUID, *, name: str | None = None,
    timezone: str | None = None,
) -> Space:  # fmt: skip
    """Give a space another name, another clock, or both; None leaves a thing as it is.

    What is scheduled keeps its moment; what is counted by day is counted by the new days.

    Raises:
        NotFoundError: the organization has no such space.
        InvalidError: the name or the zone is not acceptable.
    """
    space = find(session, organization_id, space_id)
    if name is not None:
        space.name = service.checked(name)
    if timezone is not None:
        space.timezone = checked_timezone(timezone)
    return space


def people(session: Session, organization_id: UUID, space_id: UUID) -> Sequence[Person]:
    """Return all members of an organization with their role in one space, those in it first."""
    rows = session.execute(
        select(User.id, User.name, User.email, SpaceMember.role, OrganizationMember.role)
        .join(OrganizationMember, OrganizationMember.user_id == User.id)
        .outerjoin(
            SpaceMember, (SpaceMember.user_id == User.id) & (SpaceMember.space_id == space_id)
        )
        .where(OrganizationMember.organization_id == organization_id)
        .order_by(User.name, User.email)
    )
    found = [Person._make(row) for row in rows]
    return sorted(found, key=lambda each: (each.role is None, service.rank(each.role or "viewer")))


def give(
    session: Session, organization_id: UUID, space_id: UUID, user_id: UUID, role: str
) -> str | None:
    """Put a member into a space, or give them another role there; return the one they had.

    Raises:
        NotFoundError: the organization has no such space or member.
        InvalidError: the role is none that they can have there.
        ConflictError: they are in every space by their role.
    """
    person = _editable(session, organization_id, space_id, user_id)
    if role not in person.choices:
        message = f"choose {' or '.join(person.choices)}: their role in the organization goes first"
        raise InvalidError("Nothing was changed.", errors=[{"field": "role", "message": message}])
    row = session.get(SpaceMember, (space_id, user_id))
    if row is None:
        session.add(
            SpaceMember(space_id=space_id, user_id=user_id, role=role, created_at=utc_now())
        )
    else:
        row.role = role
    session.flush()
    return person.role


def take(session: Session, organization_id: UUID, space_id: UUID, user_id: UUID) -> None:
    """Take a member out of a space; they stay in the organization, and what they made stays.

    Raises:
        NotFoundError: no such space, or they are not in it.
        ConflictError: they are in every space by their role.
    """
    person = _editable(session, organization_id, space_id, user_id)
    if person.role is None:
        raise NotFoundError("They are not in this space.")
    session.delete(session.get_one(SpaceMember, (space_id, user_id)))
    session.flush()


def _editable(session: Session, organization_id: UUID, space_id: UUID, user_id: UUID) -> Person:
    service.locked(session, organization_id)
    find(session, organization_id, space_id)
    known = people(session, organization_id, space_id)
    person = next((each for each in known if each.user_id == user_id), None)
    if person is None:
        raise NotFoundError("Nobody of that name belongs to this organization.")
    if person.everywhere:
        raise ConflictError("Owners and admins are in every space. Change their role instead.")
    return person
