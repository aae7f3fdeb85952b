"""An organization's end. At once nobody is in it any more; a job deletes what it has."""

from __future__ import annotations

import logging
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from musekit.audit import service as audit
from musekit.auth.models import User, UserSession
from musekit.billing import cancelling, customers, mirror
from musekit.email import service as email
from musekit.errors import ConflictError, ForbiddenError, InvalidError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.organizations import service
from musekit.organizations.models import Invitation, Organization, OrganizationMember
from musekit.products.owners import Owner
from musekit.spaces.models import Space, SpaceMember

logger = logging.getLogger(__name__)
SYSTEM = Actor.system("organizations")
#: The job; rung for after `begin`.
JOB = "organization-delete"
#: Of a subscription that costs nothing any more.
_OVER = ("canceled", "incomplete_expired")


def begin(
    session: Session, host: Host, organization_id: UUID, *, name: str, by: UUID
) -> Organization:
    """Close an organization for everybody, to be deleted by the job. Its owners are told by mail.

    Args:
        name: what the person has typed: the organization's name, so that it is no slip.
        by: an owner.

    Raises:
        InvalidError: the name is another one.
        ForbiddenError: `by` is no owner.
        ConflictError: a subscription would go on costing.
    """
    organization = service.locked(session, organization_id)
    people = service.members(session, organization_id)
    if not any(each.user_id == by and each.role == "owner" for each in people):
        raise ForbiddenError("Only an owner deletes the organization.")
    if " ".join(name.split()) != organization.name:
        message = f"type “{organization.name}”"
        raise InvalidError("Nothing was deleted.", errors=[{"field": "name", "message": message}])
    if is_paying(session, organization_id):
        raise ConflictError(
            "A subscription of this organization is running. Cancel it first, or it would go on"
            " costing. Nothing was deleted."
        )
    now = utc_now()
    organization.deleting_at = now
    _close(session, organization_id)
    for each in people:
        if each.role == "owner":
            email.queue(
                session, host, "organization-deleted", to=session.get_one(User, each.user_id),
                context={"organization": organization.name},
            )  # fmt: skip
    return organization


def finish(host: Host) -> int:
    """Delete the organizations that were closed; return how many. An edge, for the job.

    What it still pays for is ended first, at once. If Stripe cannot be asked the organization is
    left for later, and that is said in the log: as long as it is there, so is who pays.
    """
    done = 0
    with host.database.session(SYSTEM, readonly=True) as session:
        closed = session.scalars(
            select(Organization.id)
            .where(Organization.deleting_at.is_not(None))
            .order_by(Organization.deleting_at)
        ).all()
    for organization_id in closed:
        if not cancelling.cancel_all(host, Owner(None, organization_id)):
            logger.error("organization %s is to be deleted, and still pays", organization_id)
            continue
        with host.database.session(SYSTEM) as session:
            gone = session.scalar(
                delete(Organization)
                .where(Organization.id == organization_id, Organization.deleting_at.is_not(None))
                .returning(Organization.id)
                .execution_options(synchronize_session=False)
            )
            if gone is not None:
                audit.record(
                    session, SYSTEM, "organization.deleted",
                    target=("organization", organization_id), organization_id=organization_id,
                )  # fmt: skip
                done += 1
    return done


def is_paying(session: Session, organization_id: UUID) -> bool:
    """True while a subscription of the organization runs that nobody has cancelled."""
    customer = customers.find(session, Owner(None, organization_id))
    return customer is not None and any(
        each.status not in _OVER and not each.cancel_at_period_end and each.cancel_at is None
        for each in mirror.subscriptions_of(session, customer.id)
    )


def _close(session: Session, organization_id: UUID) -> None:
    """Leave nobody in its spaces: browsers go home, tokens die, links of invitations end."""
    here = select(Space.id).where(Space.organization_id == organization_id)
    home = (
        select(Space.id)
        .where(Space.personal_user_id == UserSession.user_id)
        .correlate(UserSession)
        .scalar_subquery()
    )
    for statement in (
        update(UserSession).where(UserSession.space_id.in_(here)).values(space_id=home),
        delete(SpaceMember).where(SpaceMember.space_id.in_(here)),
        delete(OrganizationMember).where(OrganizationMember.organization_id == organization_id),
        delete(Invitation).where(Invitation.organization_id == organization_id),
    ):
        session.execute(statement, execution_options={"synchronize_session": False})
