"""Inviting somebody by e-mail: a link with 256 random bits, for one address, once, for a time."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from musekit.auth.accounts import checked_email
from musekit.auth.links import LinkSpentError
from musekit.auth.models import User
from musekit.auth.secrets import digest
from musekit.declarations import ROLES
from musekit.email import service as email_service
from musekit.email.mail import Address
from musekit.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.organizations import caps, service
from musekit.organizations.models import Invitation, Organization, OrganizationMember
from musekit.organizations.settings import OrganizationsSettings

#: Roles that an invitation can give; an owner is made by handing the organization over.
GIVEN = ROLES[1:]
_WAITING = (Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None))


def invite(
    session: Session,
    host: Host,
    organization: Organization,
    *,
    email: str,
    role: str,
    space_ids: Sequence[UUID],
    by: UUID,
    cap: caps.Cap = service.NO_CAP,
) -> Invitation:
    """Invite an address; one that is invited already gets a new link, and the old one ends.

    Args:
        role: `GIVEN`.
        space_ids: the spaces that an editor or viewer will be in.
        by: the user who invites.
        cap: how many members the plan has room for; those who are invited count.

    Raises:
        InvalidError: the address or the role is not one.
        NotFoundError: a space is not the organization's.
        ConflictError: the person is a member already.
        LimitReachedError: the plan has no room for them.
    """
    address = checked_email(email)
    key, now = address.casefold(), utc_now()
    if role not in GIVEN:
        message = f"choose one of {', '.join(GIVEN)}"
        raise InvalidError("Nobody was invited.", errors=[{"field": "role", "message": message}])
    service.locked(session, organization.id)
    if set(space_ids) - {each.id for each in service.spaces(session, organization.id)}:
        raise NotFoundError("There is no such space in this organization. Nobody was invited.")
    if _is_member(session, organization.id, key):
        raise ConflictError("Somebody with this address is a member already.")
    caps.demand(session, organization.id, cap, invited=key)
    row = session.scalars(
        select(Invitation).where(
            Invitation.organization_id == organization.id, Invitation.email_key == key, *_WAITING
        )
    ).one_or_none()  # fmt: skip
    if row is None:
        row = Invitation(
            id=new_id(), organization_id=organization.id, email_key=key, sends=0, created_at=now
        )
        session.add(row)
    secret = secrets.token_urlsafe(32)
    days = host.settings_of(OrganizationsSettings).invite_days
    row.email, row.role, row.space_ids = address, role, [str(each) for each in space_ids]
    row.token_hash, row.invited_by = digest(secret), by
    row.expires_at, row.sends = now + timedelta(days=days), row.sends + 1
    session.flush()
    inviter = session.get_one(User, by)
    email_service.queue(
        session, host, "invitation", to=Address(email=address),
        context={
            "url": f"{host.settings.public_url.rstrip('/')}/invite/{secret}", "days": days,
            "organization": organization.name, "inviter": inviter.name or inviter.email,
        },
    )  # fmt: skip
    return row


def pending(session: Session, organization_id: UUID) -> Sequence[Invitation]:
    """Return the invitations that wait for an answer, also those that are too old, latest first."""
    return session.scalars(
        select(Invitation)
        .where(Invitation.organization_id == organization_id, *_WAITING)
        .order_by(Invitation.created_at.desc(), Invitation.id)
    ).all()


def revoke(session: Session, organization_id: UUID, invitation_id: UUID) -> Invitation:
    """End an invitation. NotFoundError if the organization has none of that id that waits."""
    row = waiting(session, organization_id, invitation_id, lock=True)
    row.revoked_at = utc_now()
    return row


def waiting(
    session: Session, organization_id: UUID, invitation_id: UUID, *, lock: bool = False
) -> Invitation:
    """Return an invitation that waits for an answer; NotFoundError if there is none."""
    asked = select(Invitation).where(
        Invitation.id == invitation_id, Invitation.organization_id == organization_id, *_WAITING
    )
    row = session.scalars(asked.with_for_update() if lock else asked).one_or_none()
    if row is None:
        raise NotFoundError("That invitation is over already.")
    return row


def revoke_of(session: Session, organization_id: UUID, user_id: UUID) -> None:
    """End what somebody has invited: who may invite no more leaves no door open behind them."""
    session.execute(
        update(Invitation)
        .where(
            Invitation.organization_id == organization_id, Invitation.invited_by == user_id,
            *_WAITING,
        )
        .values(revoked_at=utc_now())
        .execution_options(synchronize_session=False)
    )  # fmt: skip


def peek(session: Session, secret: str) -> tuple[Invitation, Organization]:
    """Return an invitation that may be accepted; LinkSpentError if it may not."""
    row = session.execute(
        select(Invitation, Organization)
        .join(Organization, Organization.id == Invitation.organization_id)
        .where(
            Invitation.token_hash == digest(secret), Organization.deleting_at.is_(None), *_open()
        )
    ).one_or_none()
    if row is None:
        raise _spent()
    return row[0], row[1]


def accept(
    session: Session, secret: str, user_id: UUID, *, cap: caps.Cap = service.NO_CAP
) -> tuple[Organization, UUID | None]:
    """Make a user a member by their link; return the organization and a space of theirs in it.

    The link was mailed to one address, so following it proves that address, and no other.

    Raises:
        LinkSpentError: it was accepted or revoked already, is too old, or is none of ours.
        ForbiddenError: it is for another address; it may still be accepted.
        LimitReachedError: the plan has no room for another member; likewise.
    """
    found, organization = peek(session, secret)
    user = session.get_one(User, user_id)
    if user.email_key != found.email_key:
        raise ForbiddenError(
            f"This invitation is for {found.email}, and you are signed in as {user.email}. Nothing"
            " was changed: sign in, or up, with that address and follow the link again."
        )
    now = utc_now()
    taken = session.scalar(
        update(Invitation)
        .where(Invitation.id == found.id, Invitation.token_hash == found.token_hash, *_open())
        .values(accepted_at=now, accepted_by=user_id)
        .returning(Invitation.id)
        .execution_options(synchronize_session=False)
    )
    if taken is None:
        raise _spent()
    user.email_verified_at = user.email_verified_at or now
    wanted = [UUID(each) for each in found.space_ids]
    service.join(session, organization.id, user_id, found.role, wanted, cap=cap)
    own = {each.id for each in service.spaces_in(session, organization.id, user_id)}
    return organization, next((each for each in wanted if each in own), next(iter(own), None))


def _is_member(session: Session, organization_id: UUID, email_key: str) -> bool:
    found = session.scalar(
        select(User.id)
        .join(OrganizationMember, OrganizationMember.user_id == User.id)
        .where(OrganizationMember.organization_id == organization_id, User.email_key == email_key)
    )
    return found is not None


def _open() -> tuple[ColumnElement[bool], ...]:
    return (*_WAITING, Invitation.expires_at > utc_now())


def _spent() -> LinkSpentError:
    return LinkSpentError("It was used or taken back already, or is too old. Ask for another one.")
