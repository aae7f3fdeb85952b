"""How many spaces and members an organization's plan has room for.

The limits ``spaces`` and ``members`` are the core's: of all products whose tier names one the
largest counts, and where none does there is no end. Who is there already stays after a downgrade.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from musekit.auth.resolve import SYSTEM
from musekit.errors import LimitReachedError
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.organizations.models import Invitation, OrganizationMember
from musekit.products import tiers
from musekit.spaces.models import Space

Kind = Literal["spaces", "members"]


class Cap(NamedTuple):
    """How many there may be; None: no end. With the plan that says so."""

    kind: Kind
    most: int | None = None
    plan: tiers.Allowance | None = None


def of(host: Host, organization_id: UUID, kind: Kind) -> Cap:
    """Return what a plan has room for. Opens units of its own; call it outside of yours."""
    with host.database.session(SYSTEM, readonly=True) as session:
        space_id = session.scalar(
            select(Space.id).where(Space.organization_id == organization_id).limit(1)
        )
    if space_id is None:
        return Cap(kind)
    plans = [tiers.allowance(host, each.key, space_id) for each in host.registry.products]
    caps = [Cap(kind, each.tier.limits[kind], each) for each in plans if kind in each.tier.limits]
    return max(caps, key=_size, default=Cap(kind))


def demand(session: Session, organization_id: UUID, cap: Cap, *, invited: str = "") -> None:
    """Refuse one more where there is no room. Call it under the organization's lock.

    Args:
        invited: the address that is being invited, as its key: then those who are invited count
            as well, and this one once.

    Raises:
        LimitReachedError: there is no room; with which limit, how much is used and what helps.
    """
    if cap.most is None or cap.plan is None:
        return
    taken = used(session, organization_id, cap.kind, invited)
    if taken < cap.most:
        return
    above, hint = cap.plan.upgrade, ""
    if above is not None:
        hint = f" Move up to {above.label} for more."
    raise LimitReachedError(
        f"{cap.plan.tier.label} has room for {cap.most} {cap.kind}, and {taken} are taken. Nothing"
        f" was changed.{hint}",
        limit=cap.kind, max=cap.most, used=taken, tier=cap.plan.tier.key,
        upgrade=None if above is None else {
            "tier": above.key, "label": above.label, "limit": above.limits.get(cap.kind),
        },
        upgrade_url=cap.plan.upgrade_url,
    )  # fmt: skip


def _size(cap: Cap) -> float:
    return float("inf") if cap.most is None else cap.most


def used(session: Session, organization_id: UUID, kind: Kind, invited: str = "") -> int:
    """Return how many there are.

    Args:
        invited: as for `demand`.
    """
    if kind == "spaces":
        return _count(session, select(Space).where(Space.organization_id == organization_id))
    there = select(OrganizationMember).where(OrganizationMember.organization_id == organization_id)
    found = _count(session, there)
    if invited:
        found += _count(
            session,
            select(Invitation).where(
                Invitation.organization_id == organization_id, Invitation.email_key != invited,
                Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None),
                Invitation.expires_at > utc_now(),
            ),
        )  # fmt: skip
    return found


def _count(session: Session, rows: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(rows.subquery())) or 0
