"""Organizations and who belongs to them. Runs as the system, after the edge's check of rights.

The roles in spaces (`SpaceMember`) are what requests are judged by. Owners and admins have their
role in every space of the organization; editors and viewers are in the spaces they were given,
with no more than their role. `sync` makes that true, after every change of members or spaces.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.auth.accounts import checked_name
from musekit.auth.models import User
from musekit.declarations import ROLES
from musekit.errors import InvalidError, NotFoundError
from musekit.kernel.database.types import utc_now
from musekit.kernel.ids import new_id
from musekit.organizations import caps, preferences
from musekit.organizations.models import Organization, OrganizationMember, OrganizationSettings
from musekit.spaces.models import Space, SpaceMember

#: Roles that are held in every space of the organization.
EVERYWHERE = ("owner", "admin")
NO_CAP = caps.Cap("spaces")


class Joined(NamedTuple):
    """An organization with one's role in it."""

    id: UUID
    name: str
    role: str


class Member(NamedTuple):
    """Somebody of an organization."""

    user_id: UUID
    name: str
    email: str
    role: str
    since: datetime


def create(session: Session, user_id: UUID, name: str) -> tuple[Organization, Space]:
    """Make an organization with its first space; who makes it is its owner, and gives its zone.

    Raises:
        InvalidError: the name is empty, too long or not printable.
    """
    name, now = checked(name), utc_now()
    zone = session.get_one(User, user_id).timezone
    organization = Organization(
        id=new_id(), name=name, slug=_slug(name), created_by=user_id, created_at=now,
        updated_at=now,
    )  # fmt: skip
    session.add(organization)
    session.flush()
    session.add_all([
        OrganizationMember(
            organization_id=organization.id, user_id=user_id, role="owner", created_at=now
        ),
        OrganizationSettings(
            scope=str(organization.id), organization_id=organization.id,
            settings={"timezone": zone} if zone else {},
        ),
    ])  # fmt: skip
    session.flush()
    return organization, add_space(session, organization.id, name)


def add_space(
    session: Session, organization_id: UUID, name: str, *, cap: caps.Cap = NO_CAP
) -> Space:
    """Make a further space of an organization, such as one for a client, in its time zone.

    Args:
        cap: how many its plan has room for.

    Raises:
        InvalidError: as `create`.
        NotFoundError: the organization is gone.
        LimitReachedError: the plan has no room for it.
    """
    name = checked(name)
    locked(session, organization_id)
    caps.demand(session, organization_id, cap)
    space = Space(
        id=new_id(), name=name, organization_id=organization_id, created_at=utc_now(),
        timezone=preferences.of(session, organization_id).get("timezone", "UTC"),
    )  # fmt: skip
    session.add(space)
    session.flush()
    sync(session, organization_id)
    return space


def of(session: Session, space_id: UUID | None) -> Organization:
    """Return the organization of a space; NotFoundError for a personal one."""
    found = session.scalar(
        select(Organization)
        .join(Space, Space.organization_id == Organization.id)
        .where(Space.id == space_id, Organization.deleting_at.is_(None))
    )
    if found is None:
        raise NotFoundError("This space belongs to no organization.")
    return found


def at(session: Session, space_id: UUID | None, organization_id: UUID) -> Organization:
    """Return the organization of a space if it is the one named; NotFoundError otherwise."""
    found = of(session, space_id)
    if found.id != organization_id:
        raise NotFoundError("There is no such organization here.")
    return found


def locked(session: Session, organization_id: UUID) -> Organization:
    """Return an organization, whose members and spaces nobody else changes until the commit.

    Raises:
        NotFoundError: it is gone, or being deleted.
    """
    found = session.scalars(
        select(Organization)
        .where(Organization.id == organization_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None or found.deleting_at is not None:
        raise NotFoundError("This organization is gone. Nothing was changed.")
    return found


def rename(session: Session, organization_id: UUID, name: str) -> str:
    """Give an organization another name; return the one it had. InvalidError as `create`."""
    name = checked(name)
    organization = locked(session, organization_id)
    before, organization.name = organization.name, name
    return before


def joined(session: Session, user_id: UUID) -> Sequence[Joined]:
    """Return the organizations that a user belongs to, by name."""
    rows = session.execute(
        select(Organization.id, Organization.name, OrganizationMember.role)
        .join(OrganizationMember, OrganizationMember.organization_id == Organization.id)
        .where(OrganizationMember.user_id == user_id, Organization.deleting_at.is_(None))
        .order_by(Organization.name, Organization.id)
    )
    return [Joined._make(row) for row in rows]


def membership(session: Session, organization_id: UUID, user_id: UUID) -> Joined:
    """Return an organization with a user's role in it; NotFoundError if they do not belong."""
    for each in joined(session, user_id):
        if each.id == organization_id:
            return each
    raise NotFoundError("There is no such organization here.")


def members(session: Session, organization_id: UUID) -> Sequence[Member]:
    """Return the members of an organization, the most powerful first."""
    rows = session.execute(
        select(
            User.id, User.name, User.email, OrganizationMember.role, OrganizationMember.created_at
        )
        .join(OrganizationMember, OrganizationMember.user_id == User.id)
        .where(OrganizationMember.organization_id == organization_id)
    )
    found = [Member._make(row) for row in rows]
    return sorted(found, key=lambda each: (rank(each.role), each.since, each.user_id))


def spaces(session: Session, organization_id: UUID) -> Sequence[Space]:
    """Return the spaces of an organization, by name."""
    return session.scalars(
        select(Space).where(Space.organization_id == organization_id).order_by(Space.name, Space.id)
    ).all()


def spaces_in(session: Session, organization_id: UUID, user_id: UUID) -> Sequence[Space]:
    """Return the spaces of an organization that a user is in, by name."""
    return session.scalars(
        select(Space)
        .join(SpaceMember, SpaceMember.space_id == Space.id)
        .where(Space.organization_id == organization_id, SpaceMember.user_id == user_id)
        .order_by(Space.name, Space.id)
    ).all()


def roles_in_spaces(
    session: Session, organization_id: UUID, user_id: UUID
) -> Sequence[SpaceMember]:
    """Return a user's roles in the spaces of an organization."""
    return session.scalars(
        select(SpaceMember)
        .join(Space, Space.id == SpaceMember.space_id)
        .where(Space.organization_id == organization_id, SpaceMember.user_id == user_id)
    ).all()


def join(
    session: Session, organization_id: UUID, user_id: UUID, role: str,
    space_ids: Sequence[UUID], *, cap: caps.Cap = NO_CAP,
) -> None:  # fmt: skip
    """Make somebody a member; who is one already keeps the greater of both roles.

    Args:
        space_ids: where an editor or viewer is to be; those that are gone are passed over.
        cap: how many members its plan has room for.

    Raises:
        LimitReachedError: the plan has no room for them.
    """
    locked(session, organization_id)
    member = session.get(OrganizationMember, (organization_id, user_id))
    if member is None:
        caps.demand(session, organization_id, cap)
        member = OrganizationMember(
            organization_id=organization_id, user_id=user_id, role=role, created_at=utc_now()
        )
        session.add(member)
    elif rank(role) < rank(member.role):
        member.role = role
    own = {each.id for each in spaces(session, organization_id)}
    known = {each.space_id for each in roles_in_spaces(session, organization_id, user_id)}
    session.add_all(
        SpaceMember(space_id=space_id, user_id=user_id, role=role, created_at=utc_now())
        for space_id in own.intersection(space_ids) - known
    )
    session.flush()
    sync(session, organization_id)


def sync(session: Session, organization_id: UUID) -> None:
    """Bring the members of every space of an organization into line with its own members."""
    roles: dict[UUID, str] = {
        row.user_id: row.role
        for row in session.scalars(
            select(OrganizationMember).where(OrganizationMember.organization_id == organization_id)
        )
    }
    present: dict[UUID, set[UUID]] = {each.id: set() for each in spaces(session, organization_id)}
    rows = session.scalars(select(SpaceMember).where(SpaceMember.space_id.in_(present)))
    for row in rows:
        present[row.space_id].add(row.user_id)
        if row.user_id not in roles:
            session.delete(row)
        elif roles[row.user_id] in EVERYWHERE or rank(row.role) < rank(roles[row.user_id]):
            row.role = roles[row.user_id]
    session.add_all(
        SpaceMember(space_id=space_id, user_id=user_id, role=role, created_at=utc_now())
        for space_id, people in present.items()
        for user_id, role in roles.items()
        if role in EVERYWHERE and user_id not in people
    )
    session.flush()


def rank(role: str) -> int:
    """Return where a role stands: 0 for the most powerful."""
    return ROLES.index(role)


def checked(name: str) -> str:
    """Return the name of an organization or a space; InvalidError if it is none."""
    name = checked_name(name)
    if not name:
        raise InvalidError(
            "Nothing was saved.", errors=[{"field": "name", "message": "give it a name"}]
        )
    return name


def _slug(name: str) -> str:
    """Return a name for addresses, with a random end so that no two are alike."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40]
    return f"{words or 'organization'}-{secrets.token_hex(4)}"
