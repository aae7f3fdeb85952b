"""The plans of a space as they are shown: tiers, why, and how much of them is used."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from musekit.declarations import Limit, Product
from musekit.errors import NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.products import schemas as s
from musekit.products import tiers, usage
from musekit.spaces.models import Space

_SYSTEM = Actor.system("plans")


def plans(host: Host, space_id: UUID, *, fresh: bool = True) -> list[s.PlanOut]:
    """Return the plan of a space for every product. Opens units of its own.

    Args:
        fresh: look the tier up now, do not take an answer of a moment ago.

    Raises:
        NotFoundError: the space is gone.
    """
    with host.database.session(_SYSTEM, readonly=True) as session:
        zone = session.scalar(select(Space.timezone).where(Space.id == space_id))
    if zone is None:
        raise NotFoundError("There is no such space here.")
    return [
        _plan(host, product, tiers.resolve(host, product.key, space_id, fresh=fresh), zone)
        for product in host.registry.products
    ]


def steps(decision: tiers.TierDecision) -> list[s.StepOut]:
    """Return the steps that led to a decision."""
    return [
        s.StepOut(step=each.n, asked=each.asked, found=each.found, note=each.note)
        for each in decision.steps
    ]


def _plan(host: Host, product: Product, decision: tiers.TierDecision, zone: str) -> s.PlanOut:
    above = tiers.Allowance.of(decision).upgrade
    return s.PlanOut(
        product=product.key, name=product.name, tier=decision.tier.key, label=decision.tier.label,
        source=decision.source, steps=steps(decision),
        limits=[
            _limit(host, product, decision, each, zone) for each in _limits(product, decision)
        ],
        upgrade=None if above is None else s.Upgrade(
            tier=above.key, label=above.label, url=tiers.Allowance.of(decision).upgrade_url
        ),
    )  # fmt: skip


def _limits(product: Product, decision: tiers.TierDecision) -> list[Limit]:
    """Return the limits that the product declares, then others that the tier names."""
    known = {each.key for each in product.limits}
    more = sorted(decision.tier.limits.keys() - known)
    return [*product.limits, *(Limit(key=key, label=key) for key in more)]


def _limit(
    host: Host, product: Product, decision: tiers.TierDecision, limit: Limit, zone: str
) -> s.LimitOut:
    period, used = None, None
    if limit.metric and limit.period is not None:
        day, month = usage.periods(zone, datetime.now(UTC))
        period = day if limit.period == "day" else month
        with host.database.session(_SYSTEM, readonly=True, single=True) as session:
            used = usage.used(session, decision.space_id, product.key, limit.metric, [period])[
                period
            ]
    elif limit.count is not None:
        used = limit.count(host, decision.space_id)
    return s.LimitOut(
        limit=limit.key, label=limit.label, max=decision.tier.limits.get(limit.key, 0), used=used,
        period=period, resets_at=usage.resets_at(period, zone) if period else None,
    )  # fmt: skip


def card(host: Host, actor: Actor | None) -> dict[str, Any] | None:
    """Return what the dashboard shows of the plans; None for who may not see them."""
    if actor is None or actor.space_id is None or not actor.may("usage.read"):
        return None
    found = plans(host, actor.space_id, fresh=False)
    return {"plans": [each.model_dump() | {"near": _is_near(each)} for each in found]}


def _is_near(plan: s.PlanOut) -> bool:
    return any(
        each.max is not None and each.used is not None and each.used >= usage.WARN_AT * each.max
        for each in plan.limits
    )
