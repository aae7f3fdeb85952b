"""An organization asks its members for a second factor: whoever has none works elsewhere first."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.audit import service as audit
from musekit.auth.models import UserSession
from musekit.auth.resolve import SYSTEM
from musekit.auth.second_factors import demanded
from musekit.auth.second_factors.models import STRONG, Passkey, UserTotp
from musekit.errors import ConflictError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.organizations.models import Organization, OrganizationMember, OrganizationSettings


class Demand(NamedTuple):
    """Whether an organization asks for one, and how many of its members have none."""

    asked: bool
    without: int


def of(session: Session, organization_id: UUID) -> Demand:
    """Return what an organization asks. Runs as the system."""
    settings = session.scalar(
        select(OrganizationSettings.settings).where(
            OrganizationSettings.organization_id == organization_id
        )
    )
    member = OrganizationMember.user_id
    app = select(UserTotp.user_id).where(
        UserTotp.user_id == member, UserTotp.confirmed_at.is_not(None)
    )
    key = select(Passkey.id).where(Passkey.user_id == member)
    without = session.scalar(
        select(func.count())
        .select_from(OrganizationMember)
        .where(
            OrganizationMember.organization_id == organization_id,
            ~or_(app.exists(), key.exists()),
        )
    )
    return Demand(bool((settings or {}).get(demanded.KEY)), without or 0)


def ask(
    request: Request, host: Host, actor: Actor, organization: Organization, *, on: bool
) -> Demand:
    """Ask for one from now on, or no more; an edge.

    Members who came in without are brought to their own spaces with their next request, and are
    led to set one up when they want to come back. API tokens of those who have none do nothing.

    Raises:
        ConflictError: the owner has come in without, and would be out themselves.
    """
    with host.database.session(SYSTEM) as session:
        own = session.get_one(UserSession, actor.session_id)
        if on and not STRONG.intersection(own.methods or ()):
            raise ConflictError(
                "You came in without a second factor and would be out yourself. Set one up under"
                " Account, Security, or confirm by it that it is you; then repeat this."
            )
        row = session.scalars(
            select(OrganizationSettings)
            .where(OrganizationSettings.organization_id == organization.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()
        if bool(row.settings.get(demanded.KEY)) is not on:
            rest = {name: value for name, value in row.settings.items() if name != demanded.KEY}
            row.settings = rest | ({demanded.KEY: True} if on else {})
            row.updated_by = actor.user_id
            act = "asked" if on else "not_asked"
            audit.record(
                session, actor, f"organization.second_factor_{act}", request=request,
                target=("organization", organization.id), organization_id=organization.id,
            )  # fmt: skip
        session.flush()
        found = of(session, organization.id)
    demanded.forget(host)
    return found
