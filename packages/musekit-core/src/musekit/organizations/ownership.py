"""Handing an organization over: an admin becomes its owner, and the owner an admin."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from musekit.auth.models import User
from musekit.email import service as email
from musekit.errors import ConflictError, ForbiddenError, NotFoundError
from musekit.kernel.host import Host
from musekit.organizations import members, service
from musekit.organizations.models import OrganizationMember


def transfer(session: Session, host: Host, organization_id: UUID, *, to: UUID, by: UUID) -> User:
    """Make an admin the owner in one's place; return them. Both are told by mail.

    Args:
        by: an owner, who is an admin afterwards.

    Raises:
        NotFoundError: there is no such member.
        ForbiddenError: `by` is no owner.
        ConflictError: `to` is no admin.
    """
    organization = service.locked(session, organization_id)
    heir, giver = (
        session.get(OrganizationMember, (organization_id, each), populate_existing=True)
        for each in (to, by)
    )
    if giver is None or heir is None:
        raise NotFoundError("Nobody of that name belongs to this organization.")
    if giver.role != "owner":
        raise ForbiddenError("Only an owner hands the organization over.")
    if heir.role != "admin":
        raise ConflictError(
            "An organization is handed over to one of its admins. Make them an admin first;"
            " nothing was changed."
        )
    heir.role, giver.role = "owner", "admin"
    session.flush()
    members.demand_owner(session, organization_id)
    service.sync(session, organization_id)
    new, old = session.get_one(User, to), session.get_one(User, by)
    for each in (new, old):
        email.queue(
            session, host, "organization-transferred", to=each,
            context={
                "organization": organization.name, "owner": new.name or new.email,
                "before": old.name or old.email, "is_owner": each is new,
                "url": f"{host.settings.public_url.rstrip('/')}/organization",
            },
        )  # fmt: skip
    return new
