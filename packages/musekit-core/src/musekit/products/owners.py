"""Who a plan belongs to: the organization of a space, or the person whose own space it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from musekit.auth.models import User
from musekit.errors import NotFoundError
from musekit.organizations.models import OrganizationMember
from musekit.spaces.models import Space


class Owner(NamedTuple):
    """One of the two is set; neither for a space that nobody pays for."""

    user_id: UUID | None = None
    organization_id: UUID | None = None

    def owns(self, model: Any) -> ColumnElement[bool]:
        """Return the condition that a row with ``user_id`` and ``organization_id`` is theirs."""
        condition: ColumnElement[bool] = (
            model.user_id == self.user_id
            if self.organization_id is None
            else model.organization_id == self.organization_id
        )
        return condition


def owner_of(session: Session, space_id: UUID) -> Owner:
    """Return the owner of a space's plans. Runs as the system; NotFoundError without the space."""
    row = session.execute(
        select(Space.personal_user_id, Space.organization_id).where(Space.id == space_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError("There is no such space.")
    return Owner(None, row[1]) if row[1] is not None else Owner(row[0])


def spaces_of(session: Session, owner: Owner) -> Sequence[UUID]:
    """Return the spaces whose plans an owner has. Runs as the system."""
    mine = (
        Space.organization_id == owner.organization_id
        if owner.organization_id is not None
        else Space.personal_user_id == owner.user_id
    )
    return session.scalars(select(Space.id).where(mine).order_by(Space.id)).all()


def owners_of_space(session: Session, space_id: UUID) -> Sequence[User]:
    """Return who decides on a space: the person, or the owners of the organization."""
    return people_of(session, owner_of(session, space_id))


def people_of(session: Session, owner: Owner) -> Sequence[User]:
    """Return who decides on a plan: the person, or the owners of the organization."""
    if owner.organization_id is None:
        found = session.get(User, owner.user_id) if owner.user_id is not None else None
        return [found] if found is not None else []
    return session.scalars(
        select(User)
        .join(OrganizationMember, OrganizationMember.user_id == User.id)
        .where(
            OrganizationMember.organization_id == owner.organization_id,
            OrganizationMember.role == "owner",
        )
        .order_by(User.id)
    ).all()
