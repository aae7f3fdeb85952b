"""Mails about subscriptions: what is another since the last fetch, told to who pays.

They are queued in the unit of work that writes the mirror, so each is told of once, however often
Stripe says it and however many processes fetch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.billing import mirror
from musekit.billing.models import BillingPrice, BillingSubscription
from musekit.billing.money import every, money
from musekit.declarations import Tier
from musekit.email import service as email
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.products import tiers
from musekit.products.owners import Owner, people_of

#: How long before its end a trial is told of; Stripe tells us three days before.
TRIAL_NOTICE = timedelta(days=3, hours=6)
#: Of a subscription whose payment failed.
UNPAID = ("past_due", "unpaid")


class Had(NamedTuple):
    """A subscription before the fetch."""

    status: str
    tier: str | None
    price_id: str
    is_ending: bool
    next_price_id: str | None


class Names(NamedTuple):
    """What a product is called, and its tiers."""

    product: str
    tiers: Sequence[Tier]

    def plan(self, key: str | None) -> str:
        """Return what a tier is called; its key where nobody defines it."""
        return next((each.label for each in self.tiers if each.key == key), key or "")


def names(host: Host, products: Iterable[str]) -> dict[str, Names]:
    """Return what products and their tiers are called. Opens units of its own."""
    known = {each.key: each.name for each in host.registry.products}
    return {key: Names(known[key], tiers.definitions(host, key)) for key in products}


def snapshot(session: Session, customer: UUID) -> dict[str, Had]:
    """Return a customer's subscriptions as the mirror has them now."""
    return {
        row.id: Had(row.status, row.tier, row.price_id, _is_ending(row), row.next_price_id)
        for row in session.execute(
            select(BillingSubscription).where(BillingSubscription.customer_id == customer)
        ).scalars()
    }


def queue(
    session: Session,
    host: Host,
    customer: UUID,
    owner: Owner,
    *,
    had: Mapping[str, Had],
    known: Mapping[str, Names],
) -> int:
    """Queue the mails about what is another than it was; return how many.

    Args:
        had: what `snapshot` returned before the mirror was written.
        known: what `names` returned; of other products nothing is told.
    """
    session.expire_all()
    people = people_of(session, owner)
    told = 0
    for row in mirror.subscriptions_of(session, customer):
        if not people or row.product is None or row.product not in known:
            continue
        for template, what in _news(row, had.get(row.id)):
            context = _context(session, host, row, known[row.product], what)
            before = had.get(row.id)
            context["before"] = known[row.product].plan(before.tier) if before else ""
            for user in people:
                queued = email.queue(
                    session, host, template, to=user, context=context | {"zone": user.zone},
                    dedupe_key=_once(template, row, user.id),
                )  # fmt: skip
                told += queued is not None
    return told


def _news(row: BillingSubscription, had: Had | None) -> list[tuple[str, str]]:
    """Return the mails that are due: the template, and what has happened."""
    found: list[tuple[str, str]] = []
    what = _change(row, had)
    if what:
        found.append(("subscription-changed", what))
    if row.status in UNPAID and (had is None or had.status not in UNPAID):
        found.append(("payment-failed", row.status))
    ends_soon = row.trial_end is not None and row.trial_end - utc_now() <= TRIAL_NOTICE
    if row.status == "trialing" and ends_soon and not _is_ending(row):
        found.append(("trial-ending", "trial"))
    return found


def _change(row: BillingSubscription, had: Had | None) -> str:
    is_alive = row.status in mirror.ALIVE
    if had is None or had.status not in mirror.ALIVE:
        return "started" if is_alive else ""
    if not is_alive:
        return "ended" if row.status in mirror.OVER else ""
    if (row.price_id, row.tier) != (had.price_id, had.tier):
        return "changed"
    if _is_ending(row) != had.is_ending:
        return "resumed" if had.is_ending else "cancelled"
    if row.next_price_id != had.next_price_id:
        return "planned" if row.next_price_id else "resumed"
    return ""


def _context(
    session: Session, host: Host, row: BillingSubscription, known: Names, what: str
) -> dict[str, Any]:
    coming = session.get(BillingPrice, row.next_price_id) if row.next_price_id else None
    total = None if row.unit_amount is None else row.unit_amount * row.quantity
    return {
        "what": what, "product": known.product, "plan": known.plan(row.tier) or known.product,
        "amount": money(total, row.currency), "every": every(row.interval, row.interval_count),
        "until": row.trial_end if what == "trial" else (
            row.changes_at or row.cancel_at or row.current_period_end
        ),
        "next": known.plan(coming.tier) if coming is not None else "",
        "url": f"{host.settings.public_url.rstrip('/')}/billing",
    }  # fmt: skip


def _is_ending(row: BillingSubscription) -> bool:
    return row.cancel_at_period_end or row.cancel_at is not None


def _once(template: str, row: BillingSubscription, user_id: UUID) -> str | None:
    """Return under what a mail is queued once: a trial is near its end at every fetch."""
    if template != "trial-ending" or row.trial_end is None:
        return None
    return f"{template}:{row.id}:{int(row.trial_end.timestamp())}:{user_id}"
