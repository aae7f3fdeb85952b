"""A person's end, and what is an organization's of what they made.

Rows of the core's social tables go with their author. In the spaces of an organization they are
the organization's: before the author goes they are handed to its longest-standing owner.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from musekit.auth.models import User
from musekit.errors import ConflictError
from musekit.organizations import invites, service
from musekit.organizations.models import Organization, OrganizationMember
from musekit.organizations.service import Joined
from musekit.social.models import SocialAccount, SocialPost
from musekit.spaces.models import Space


def prepare_removal(session: Session, user_id: UUID) -> None:
    """Take a user out of all organizations; one that nobody else is in ends. Runs as the system.

    Raises:
        ConflictError: see `heirs`.
    """
    for joined, heir in heirs(session, user_id):
        if heir is None:
            session.execute(delete(Organization).where(Organization.id == joined.id))
        else:
            invites.revoke_of(session, joined.id, user_id)
            _hand_over(session, joined.id, user_id, heir)


def heirs(session: Session, user_id: UUID) -> list[tuple[Joined, UUID | None]]:
    """Return the organizations of a user with who takes over; None: nobody else is in it.

    They stay locked until the commit. Runs as the system.

    Raises:
        ConflictError: one with other members would be left without an owner; nothing was changed
            once the caller rolls back.
    """
    found: list[tuple[Joined, UUID | None]] = []
    for joined in service.joined(session, user_id):
        service.locked(session, joined.id)
        others = session.execute(
            select(OrganizationMember.user_id, OrganizationMember.role, User.deleting_at)
            .join(User, User.id == OrganizationMember.user_id)
            .where(
                OrganizationMember.organization_id == joined.id,
                OrganizationMember.user_id != user_id,
            )
            .order_by(OrganizationMember.created_at, OrganizationMember.user_id)
        ).all()
        # Who is leaving as well takes nothing over.
        heir = next((each[0] for each in others if each[1] == "owner" and each[2] is None), None)
        if others and heir is None:
            raise ConflictError(
                f"“{joined.name}” has other members and no other owner. Make one of them its"
                " owner first. Nothing was deleted."
            )
        found.append((joined, heir))
    return found


def _hand_over(session: Session, organization_id: UUID, user_id: UUID, heir: UUID) -> None:
    there = select(Space.id).where(Space.organization_id == organization_id)
    for model in (SocialAccount, SocialPost):
        session.execute(
            update(model)
            .where(model.user_id == user_id, model.space_id.in_(there))
            .values(user_id=heir)
            .execution_options(synchronize_session=False)
        )
