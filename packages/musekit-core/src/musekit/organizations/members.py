"""Changing who belongs to an organization, as what. At least one owner, always.

Runs as the system, after the edge's check of rights; rows are changed under the organization's
lock, so that two owners who leave at once do not both go.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.auth.models import User
from musekit.declarations import ROLES
from musekit.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from musekit.organizations import invites, service
from musekit.organizations.models import OrganizationMember


def change_role(
    session: Session, organization_id: UUID, user_id: UUID, role: str, *, by: UUID
) -> str:
    """Give a member another role, in the organization and its spaces; return the one they had.

    Args:
        by: who does it: only owners make owners, or change one.

    Raises:
        InvalidError: there is no such role.
        NotFoundError: no member of that id.
        ForbiddenError: an admin meddles with owners.
        ConflictError: the last owner would be none.
    """
    if role not in ROLES:
        message = f"choose one of {', '.join(ROLES)}"
        raise InvalidError("Nothing was changed.", errors=[{"field": "role", "message": message}])
    member = _member(session, organization_id, user_id, by, touches_owners=role == "owner")
    before, member.role = member.role, role
    session.flush()
    demand_owner(session, organization_id)
    if before not in service.EVERYWHERE:
        # Who had less in a space than in the organization keeps that; the others rise.
        for each in service.roles_in_spaces(session, organization_id, user_id):
            each.role = role if each.role == before else each.role
    elif role not in service.EVERYWHERE:
        invites.revoke_of(session, organization_id, user_id)
    service.sync(session, organization_id)
    return before


def remove(session: Session, organization_id: UUID, user_id: UUID, *, by: UUID) -> None:
    """Take a member out of the organization and its spaces; what they made stays.

    Args:
        by: who does it; the member themselves, to leave.

    Raises:
        NotFoundError, ForbiddenError, ConflictError: as `change_role`.
    """
    member = _member(session, organization_id, user_id, by, touches_owners=False)
    session.delete(member)
    session.flush()
    invites.revoke_of(session, organization_id, user_id)
    demand_owner(session, organization_id)
    service.sync(session, organization_id)


def _member(
    session: Session, organization_id: UUID, user_id: UUID, by: UUID, *, touches_owners: bool
) -> OrganizationMember:
    service.locked(session, organization_id)
    member = session.get(OrganizationMember, (organization_id, user_id), populate_existing=True)
    actor = session.get(OrganizationMember, (organization_id, by), populate_existing=True)
    if member is None or actor is None:
        raise NotFoundError("Nobody of that name belongs to this organization.")
    if user_id != by and actor.role not in service.EVERYWHERE:
        raise ForbiddenError("Only owners and admins change who belongs to the organization.")
    if (touches_owners or member.role == "owner") and actor.role != "owner":
        raise ForbiddenError("Only an owner makes somebody an owner, or changes one.")
    return member


def demand_owner(session: Session, organization_id: UUID) -> None:
    """Raise `ConflictError` if the organization has no owner, but for those who are leaving us."""
    owner = session.scalars(
        select(OrganizationMember.user_id)
        .join(User, User.id == OrganizationMember.user_id)
        .where(
            OrganizationMember.organization_id == organization_id,
            OrganizationMember.role == "owner", User.deleting_at.is_(None),
        )
    ).first()  # fmt: skip
    if owner is None:
        raise ConflictError(
            "An organization needs an owner. Make somebody else one first; nothing was changed."
        )
