"""Spaces of a person: which there are, and moving between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.errors import NotFoundError
from musekit.spaces.models import Space, SpaceMember


class Membership(NamedTuple):
    """A space with the role that somebody has in it."""

    id: UUID
    name: str
    role: str
    is_personal: bool


def memberships(session: Session, user_id: UUID) -> Sequence[Membership]:
    """Return the spaces a user belongs to, the personal one first. Runs as the system."""
    rows = session.execute(
        select(Space.id, Space.name, SpaceMember.role, Space.personal_user_id == user_id)
        .join(SpaceMember, SpaceMember.space_id == Space.id)
        .where(SpaceMember.user_id == user_id)
        .order_by(Space.personal_user_id.is_(None), Space.name, Space.id)
    )
    return [Membership(row[0], row[1], row[2], bool(row[3])) for row in rows]


def membership(session: Session, user_id: UUID, space_id: UUID) -> Membership:
    """Return one membership; NotFoundError if the user does not belong to the space."""
    for each in memberships(session, user_id):
        if each.id == space_id:
            return each
    raise NotFoundError("There is no such space, or you do not belong to it.")


def personal_space_id(session: Session, user_id: UUID) -> UUID:
    """Return the id of a user's personal space, which every user has."""
    return session.scalars(select(Space.id).where(Space.personal_user_id == user_id)).one()
