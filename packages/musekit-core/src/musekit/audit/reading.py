"""Reading the audit log: who did what in a space, in an organization, or with one's own account.

Runs as the system, after the edge's check of rights: entries of an organization stand in several
spaces, and those of an account in none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from musekit.audit.models import AuditEntry
from musekit.auth.models import User
from musekit.errors import NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.listing import Listed, holding, newest_first
from musekit.organizations import service as organizations
from musekit.spaces.models import Space, SpaceMember

Span = Literal["always", "day", "week", "month"]
#: Entries of an export: years of them for a person, and no more than a file should have.
MOST_EXPORTED = 5000
_DAYS = {"day": 1, "week": 7, "month": 31}


class Reach(NamedTuple):
    """Whose log it is, with the names of places and people in it."""

    organization_id: UUID | None  #: None: of one space that belongs to none
    name: str
    spaces: Mapping[UUID, str]
    people: Mapping[UUID, str]

    @property
    def condition(self) -> ColumnElement[bool]:
        """Entries that stand in one of the spaces, or concern the organization."""
        inside = AuditEntry.in_space_id.in_(self.spaces)
        if self.organization_id is None:
            return inside
        return or_(inside, AuditEntry.in_organization_id == self.organization_id)


class Seen(NamedTuple):
    """An entry as its readers see it."""

    row: AuditEntry
    who: str  #: name of who acted; empty: nobody who is known to the readers
    operator: bool  #: it was an operator of the deployment, as themselves or as that person
    space: str  #: name of the space; empty: none that the readers know

    @property
    def user_id(self) -> UUID | None:
        """Who acted, if the readers know them."""
        return self.row.actor_user_id if self.who else None

    @property
    def space_id(self) -> UUID | None:
        """Where, if the readers know the space."""
        return self.row.in_space_id if self.space else None


def reach(session: Session, actor: Actor) -> Reach:
    """Return whose log an actor reads: of the organization of their space, else of the space.

    Who may read it in one space of an organization is an admin there, and so in all of them.
    """
    try:
        organization = organizations.of(session, actor.space_id)
    except NotFoundError:
        space = session.get_one(Space, actor.space_id)
        members = session.execute(
            select(User.id, User.name, User.email)
            .join(SpaceMember, SpaceMember.user_id == User.id)
            .where(SpaceMember.space_id == space.id)
        )
        people = {row.id: row.name or row.email for row in members}
        return Reach(None, space.name, {space.id: space.name}, people)
    spaces = {each.id: each.name for each in organizations.spaces(session, organization.id)}
    people = {
        each.user_id: each.name or each.email
        for each in organizations.members(session, organization.id)
    }
    return Reach(organization.id, organization.name, spaces, people)


def page(
    session: Session,
    host: Host,
    within: Reach,
    *,
    search: str = "",
    who: UUID | None = None,
    span: Span = "always",
    after: str = "",
) -> Listed[Seen]:
    """Return entries of a log, the newest first.

    Args:
        search: part of an action, or of what it was done to.
        who: who acted.

    Raises:
        InvalidError: the cursor is none of this list.
    """
    query = select(AuditEntry).where(
        within.condition,
        *holding(search, AuditEntry.action, AuditEntry.target_kind, AuditEntry.target_id),
    )
    if who is not None:
        query = query.where(AuditEntry.actor_user_id == who)
    if span in _DAYS:
        query = query.where(AuditEntry.at > utc_now() - timedelta(days=_DAYS[span]))
    found = newest_first(session, host, query, AuditEntry.at, AuditEntry.id, after=after)
    return Listed(items=[_seen(row, within) for row in found.items], next=found.next)


def _seen(row: AuditEntry, within: Reach) -> Seen:
    who = within.people.get(row.actor_user_id, "") if row.actor_user_id else ""
    space = within.spaces.get(row.in_space_id, "") if row.in_space_id else ""
    return Seen(row, who, row.impersonator_id is not None, space)


def own(session: Session, host: Host, user_id: UUID, *, after: str = "") -> Listed[Seen]:
    """Return what happened with one's own account, the newest first.

    What oneself or an operator did to it, tries to come in, and what operators did as oneself.

    Raises:
        InvalidError: the cursor is none of this list.
    """
    to_me = and_(AuditEntry.target_kind == "user", AuditEntry.target_id == str(user_id))
    query = select(AuditEntry).where(
        or_(
            and_(AuditEntry.in_space_id.is_(None), or_(AuditEntry.actor_user_id == user_id, to_me)),
            and_(AuditEntry.actor_user_id == user_id, AuditEntry.impersonator_id.is_not(None)),
        )
    )
    found = newest_first(session, host, query, AuditEntry.at, AuditEntry.id, after=after)
    user = session.get_one(User, user_id)
    me = user.name or user.email
    return Listed(items=[_of_mine(row, user_id, me) for row in found.items], next=found.next)


def exported(session: Session, user_id: UUID) -> list[dict[str, Any]]:
    """Return what somebody did with their own account, for their export; the newest first."""
    rows = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.actor_user_id == user_id, AuditEntry.in_space_id.is_(None))
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(MOST_EXPORTED)
    )
    return [
        {"at": row.at.isoformat(), "action": row.action, "from": row.ip, "via": row.via,
         "detail": dict(row.detail)}
        for row in rows
    ]  # fmt: skip


def _of_mine(row: AuditEntry, user_id: UUID, me: str) -> Seen:
    mine = row.actor_user_id == user_id
    other = not mine and row.actor_user_id is not None
    return Seen(row, me if mine else "", other or row.impersonator_id is not None, "")
