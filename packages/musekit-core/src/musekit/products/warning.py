"""Telling owners that a limit is near: once for a count, by mail."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from musekit.declarations import Limit, Product
from musekit.email import service as email
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import db_now, utc_now
from musekit.kernel.host import Host
from musekit.products import events, tiers, usage
from musekit.products.models import UsageCounter
from musekit.products.owners import owner_of, people_of
from musekit.spaces.models import Space

_SYSTEM = Actor.system("usage")
#: Counts looked at in one run.
BATCH = 200


class _Near(NamedTuple):
    """A count that is near its limit."""

    space_id: UUID
    product: str
    metric: str
    period: str
    used: int


def warn(host: Host) -> int:
    """Queue a mail for each count that has come near its limit; return for how many counts."""
    with host.database.session(_SYSTEM, readonly=True) as session:
        found = [
            _Near._make(row)
            for row in session.execute(
                select(
                    UsageCounter.space_id, UsageCounter.product, UsageCounter.metric,
                    UsageCounter.period, UsageCounter.used,
                )
                .where(UsageCounter.warned_at.is_(None), UsageCounter.used >= UsageCounter.warn_at)
                .limit(BATCH)
            )
        ]  # fmt: skip
    products = {each.key: each for each in host.registry.products}
    told = 0
    for near in found:
        product = products.get(near.product)
        limit = _limit(product, near) if product is not None else None
        allowed = tiers.allowance(host, near.product, near.space_id) if product else None
        with host.database.session(_SYSTEM) as session:
            if not _claim(session, near) or product is None or limit is None or allowed is None:
                continue
            most = allowed.limit(limit.key)
            if most is None or near.used < usage.WARN_AT * most:
                continue  # the space has moved up meanwhile
            _queue(session, host, near, product=product, limit=limit, most=most)
            events.near_limit(
                session, host, near.space_id, product.key, limit, period=near.period,
                used=near.used, most=most,
            )  # fmt: skip
            told += 1
    return told


def _claim(session: Session, near: _Near) -> bool:
    """Mark a count as told of; False if somebody else was faster."""
    return session.scalar(
        update(UsageCounter)
        .where(
            UsageCounter.space_id == near.space_id, UsageCounter.product == near.product,
            UsageCounter.metric == near.metric, UsageCounter.period == near.period,
            UsageCounter.warned_at.is_(None),
        )
        .values(warned_at=db_now())
        .returning(UsageCounter.period)
        .execution_options(synchronize_session=False)
    ) is not None  # fmt: skip


def _queue(
    session: Session, host: Host, near: _Near, *, product: Product, limit: Limit, most: int
) -> None:
    space = session.get_one(Space, near.space_id)
    # Who plans a month ahead comes near the limit of many days in an hour: one mail tells it.
    of_today = f"{near.space_id}:{product.key}:{limit.key}:{most}:{utc_now().date()}"
    for user in people_of(session, owner_of(session, near.space_id)):
        email.queue(
            session, host, "usage-near-limit", to=user, space_id=near.space_id,
            dedupe_key=f"near-limit:{of_today}:{user.id}",
            context={
                "product": product.name, "limit": limit.label, "used": near.used, "most": most,
                "period": near.period,
                "space": space.name, "resets_at": usage.resets_at(near.period, space.timezone),
                "zone": user.zone,
                "url": f"{host.settings.public_url.rstrip('/')}/billing/plans",
            },
        )  # fmt: skip


def _limit(product: Product, near: _Near) -> Limit | None:
    """Return the declared limit that a count is of."""
    period = "day" if len(near.period) == len("2026-11-23") else "month"
    return next(
        (each for each in product.limits if (each.metric, each.period) == (near.metric, period)),
        None,
    )
