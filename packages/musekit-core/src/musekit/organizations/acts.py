"""What the edges do with organizations: a unit of work with the act and its entry in the log."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.audit import service as audit
from musekit.auth.models import User
from musekit.auth.resolve import SYSTEM
from musekit.email import service as email_service
from musekit.errors import ForbiddenError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.ratelimit.policies import RESET_MAILBOX
from musekit.organizations import caps, events, invites, members, service
from musekit.organizations.models import Invitation, Organization
from musekit.organizations.settings import OrganizationsSettings
from musekit.spaces.models import Space


def create(request: Request, host: Host, actor: Actor, name: str) -> tuple[Organization, Space]:
    """Make an organization, owned by the actor.

    Raises:
        ForbiddenError: only operators make them here.
        InvalidError: see `service.create`.
    """
    assert actor.user_id is not None
    who = host.settings_of(OrganizationsSettings).create
    if who == "operators" and not actor.is_operator:
        raise ForbiddenError("Organizations are made by the operator of this deployment. Ask them.")
    with host.database.session(SYSTEM) as session:
        made, space = service.create(session, actor.user_id, name)
        audit.record(
            session, actor, "organization.created", target=("organization", made.id),
            space_id=space.id, organization_id=made.id, request=request,
        )  # fmt: skip
    return made, space


def invite(
    request: Request,
    host: Host,
    actor: Actor,
    organization: Organization,
    *,
    email: str,
    role: str,
    space_ids: Sequence[UUID],
) -> Invitation:
    """Invite somebody; an editor or viewer without spaces to the one that the actor is in.

    Raises:
        LimitReachedError: too many mails to this address, or the plan has no room.
        others: see `invites.invite`.
    """
    assert actor.user_id is not None
    assert actor.space_id is not None
    host.limits.hit(RESET_MAILBOX, f"invite:{organization.id}:{_mailbox(email)}")
    chosen = list(space_ids) or ([] if role in service.EVERYWHERE else [actor.space_id])
    cap = caps.of(host, organization.id, "members")
    with host.database.session(SYSTEM) as session:
        row = invites.invite(
            session, host, organization, email=email, role=role, space_ids=chosen,
            by=actor.user_id, cap=cap,
        )  # fmt: skip
        audit.record(
            session, actor, "member.invited", target=("invitation", row.id),
            detail={"role": row.role, "sends": row.sends}, organization_id=organization.id,
            request=request,
        )  # fmt: skip
    return row


def invite_again(
    request: Request, host: Host, actor: Actor, organization: Organization, invitation_id: UUID
) -> Invitation:
    """Send an invitation once more, with another link, to the same address as the same.

    Raises:
        NotFoundError: it is over.
        others: as `invite`.
    """
    with host.database.session(SYSTEM, readonly=True) as session:
        row = invites.waiting(session, organization.id, invitation_id)
        there = {each.id for each in service.spaces(session, organization.id)}
        spaces = [each for each in map(UUID, row.space_ids) if each in there]
    return invite(
        request, host, actor, organization, email=row.email, role=row.role, space_ids=spaces
    )


def revoke(
    request: Request, host: Host, actor: Actor, organization: Organization, invitation_id: UUID
) -> None:
    """Take an invitation back. NotFoundError if it is over."""
    with host.database.session(SYSTEM) as session:
        invites.revoke(session, organization.id, invitation_id)
        audit.record(
            session, actor, "member.invitation_revoked", target=("invitation", invitation_id),
            organization_id=organization.id, request=request,
        )  # fmt: skip


def accept(
    request: Request, host: Host, actor: Actor, secret: str
) -> tuple[Organization, UUID | None]:
    """Join by a link; see `invites.accept`."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        invitation, organization = invites.peek(session, secret)
    cap = caps.of(host, organization.id, "members")
    with host.database.session(SYSTEM) as session:
        organization, space_id = invites.accept(session, secret, actor.user_id, cap=cap)
        audit.record(
            session, actor, "member.joined", target=("user", actor.user_id), space_id=space_id,
            organization_id=organization.id, request=request,
        )  # fmt: skip
        events.joined(session, host, organization.id, actor.user_id, invitation.role)
        _tell(
            session, host, "member-joined", invitation.invited_by, organization,
            person=_named(session, actor.user_id), role=invitation.role,
        )  # fmt: skip
    return organization, space_id


def change_role(
    request: Request, host: Host, actor: Actor, organization: Organization, *, user_id: UUID,
    role: str,
) -> None:  # fmt: skip
    """Give a member another role; see `members.change_role`."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM) as session:
        before = members.change_role(session, organization.id, user_id, role, by=actor.user_id)
        audit.record(
            session, actor, "member.role_changed", target=("user", user_id),
            detail={"before": before, "after": role}, organization_id=organization.id,
            request=request,
        )  # fmt: skip
        if user_id != actor.user_id and before != role:
            _tell(
                session, host, "role-changed", user_id, organization,
                person=_named(session, actor.user_id), role=role,
            )  # fmt: skip


def remove(
    request: Request, host: Host, actor: Actor, organization: Organization, user_id: UUID
) -> None:
    """Take a member out, or leave oneself; see `members.remove`."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM) as session:
        spaces = events.spaces_with(session, organization.id, user_id)
        members.remove(session, organization.id, user_id, by=actor.user_id)
        events.left(session, host, organization.id, user_id, spaces)
        audit.record(
            session, actor, "member.left" if user_id == actor.user_id else "member.removed",
            target=("user", user_id), organization_id=organization.id, request=request,
        )  # fmt: skip


def _tell(
    session: Session, host: Host, template: str, user_id: UUID | None, organization: Organization,
    **context: str,
) -> None:  # fmt: skip
    """Mail somebody, if they are there still."""
    to = session.get(User, user_id) if user_id is not None else None
    if to is not None:
        url = f"{host.settings.public_url.rstrip('/')}/organization"
        context |= {"organization": organization.name, "url": url}
        email_service.queue(session, host, template, to=to, context=context)


def _named(session: Session, user_id: UUID) -> str:
    user = session.get_one(User, user_id)
    return user.name or user.email


def _mailbox(email: str) -> str:
    """What stands for a mailbox in a counter: no address is kept of people without account."""
    return hashlib.sha256(email.strip().casefold().encode("utf-8", "replace")).hexdigest()[:32]
