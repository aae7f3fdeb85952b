"""Changing a plan: what it would cost, and doing it.

More holds at once, and what is left of the paid time is set off (proration). Less holds from the
end of the paid time, by a schedule at Stripe. Then the mirror is fetched, so that the person sees
what Stripe has and not what we meant to do.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from musekit.billing import fetching, standing, sync
from musekit.billing.client import client_of, speaking_plainly
from musekit.billing.standing import Wish
from musekit.errors import ConflictError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host

if TYPE_CHECKING:
    from stripe import StripeClient

logger = logging.getLogger(__name__)
#: Seconds for which an amount that was shown holds.
HOLDS = 900
#: A payment that is due with the change and does not go through undoes it.
CAREFULLY = "error_if_incomplete"
PRORATED = "create_prorations"
#: What Stripe has of a subscription, as its API answers.
Found = Mapping[str, Any]


@dataclass(frozen=True)
class Preview:
    """What a change will cost."""

    wish: Wish
    at: int  #: the second for which it is worked out; hand it to `change`
    #: what the rest of the paid time makes, in the smallest unit; below zero for a credit
    prorated: int
    total: int  #: of the invoice on which that stands
    currency: str
    when: datetime  #: when that invoice is due, or when the change holds


def preview(host: Host, actor: Actor, product: str, price_id: str) -> Preview:
    """Return what a change will cost, as Stripe works it out.

    Raises:
        NotForSaleError, ConflictError, NotFoundError, UnavailableError: it cannot be changed.
    """
    client = client_of(host)
    wish = standing.wanted(host, actor, product, price_id)
    now = int(time.time())
    with speaking_plainly():
        found = _retrieve(client, wish)
        item = found["items"]["data"][0]
        end = datetime.fromtimestamp(item["current_period_end"], UTC)
        if not wish.at_once:
            amount = (wish.price.unit_amount or 0) * (item.get("quantity") or 1)
            return Preview(wish, now, 0, amount, wish.price.currency, end)
        invoice = client.v1.invoices.create_preview({
            "customer": wish.standing.stripe_id, "subscription": wish.standing.subscription,
            "subscription_details": {
                "items": [{"id": item["id"], "price": wish.price.id}],
                "proration_behavior": PRORATED, "proration_date": now,
            },
        }).to_dict()  # fmt: skip
    lines = invoice["lines"]["data"]
    return Preview(
        wish, now, sum(each["amount"] for each in lines if _is_prorated(each)), invoice["total"],
        invoice["currency"], datetime.fromtimestamp(now, UTC) if wish.anew else end,
    )  # fmt: skip


def change(host: Host, actor: Actor, product: str, price_id: str, *, at: int | None = None) -> Wish:
    """Change the plan of the actor's space; return what was wanted, which Stripe has done.

    Args:
        at: of the preview that the person has seen; the amount is that one.

    Raises:
        NotForSaleError, ConflictError, NotFoundError, UnavailableError: it was not changed.
    """
    client = client_of(host)
    wish = standing.wanted(host, actor, product, price_id)
    try:
        with speaking_plainly():
            found = _retrieve(client, wish)
            if not wish.at_once:
                release(client, found)
                _later(client, found, wish.price.id, _metadata(wish))
            else:
                _at_once(client, found, wish, at)
    except ConflictError:
        # A twin of this request may have done it: what Stripe has decides.
        sync.now(host, wish.standing.customer)
        if not _is_done(host, actor, wish):
            raise
        return wish
    sync.now(host, wish.standing.customer)
    return wish


def release(client: StripeClient, found: Found) -> str | None:
    """Let go of a schedule, which forbids other changes; return the price that it had planned."""
    if not found.get("schedule"):
        return None
    planned: str | None = fetching.upcoming(found)["next_price_id"]
    client.v1.subscription_schedules.release(found["schedule"]["id"])
    return planned


def retrieve(client: StripeClient, subscription: str) -> Found:
    """Return a subscription as Stripe has it now, with its schedule."""
    return client.v1.subscriptions.retrieve(subscription, {"expand": ["schedule"]}).to_dict()


def _retrieve(client: StripeClient, wish: Wish) -> Found:
    return retrieve(client, wish.standing.subscription)


def _at_once(client: StripeClient, found: Found, wish: Wish, at: int | None) -> None:
    import stripe

    planned = release(client, found)
    item = found["items"]["data"][0]
    wanted: dict[str, Any] = {
        "items": [{"id": item["id"], "price": wish.price.id}], "metadata": _metadata(wish),
        "proration_behavior": PRORATED, "payment_behavior": CAREFULLY,
    }  # fmt: skip
    # An amount that was shown is charged; an old one would be worked out for a time long gone.
    if at is not None and 0 <= time.time() - at <= HOLDS and at >= item["current_period_start"]:
        wanted["proration_date"] = at
    try:
        client.v1.subscriptions.update(found["id"], wanted)  # type: ignore[arg-type]
    except stripe.StripeError:
        if planned is not None:
            _put_back(client, found, planned)
        raise


def _put_back(client: StripeClient, found: Found, planned: str) -> None:
    """Plan again what was planned before a change that was refused."""
    import stripe

    try:
        _later(client, found, planned, {})
    except stripe.StripeError as error:
        logger.error(  # noqa: TRY400 - the trace would say no more than this
            "a change planned of %s to %s was let go: %s", found["id"], planned, error.request_id
        )


def _later(client: StripeClient, found: Found, price: str, metadata: dict[str, str]) -> None:
    """Plan a change for the end of the paid time; afterwards the schedule lets go by itself."""
    made = client.v1.subscription_schedules.create({"from_subscription": found["id"]}).to_dict()
    now, item = made["phases"][0], found["items"]["data"][0]
    quantity = item.get("quantity") or 1
    bought = client.v1.prices.retrieve(price).to_dict()["recurring"]
    phases: list[dict[str, Any]] = [
        {
            "items": [{"price": item["price"]["id"], "quantity": quantity}],
            "start_date": now["start_date"], "end_date": now["end_date"],
        },
        {
            "items": [{"price": price, "quantity": quantity}], "proration_behavior": "none",
            "metadata": metadata,
            "duration": {
                "interval": bought["interval"],
                "interval_count": bought.get("interval_count") or 1,
            },
        },
    ]  # fmt: skip
    plan: Any = {"end_behavior": "release", "phases": phases}
    client.v1.subscription_schedules.update(made["id"], plan)


def _metadata(wish: Wish) -> dict[str, str]:
    assert wish.price.tier is not None
    return {
        fetching.TIER: wish.price.tier, fetching.PRODUCT: wish.standing.product,
        fetching.PRICE: wish.price.id,
    }  # fmt: skip


def _is_prorated(line: Mapping[str, Any]) -> bool:
    parent = line.get("parent") or {}
    return any(
        bool((parent.get(name) or {}).get("proration"))
        for name in ("subscription_item_details", "invoice_item_details")
    )


def _is_done(host: Host, actor: Actor, wish: Wish) -> bool:
    now = standing.here(host, actor, wish.standing.product)
    return wish.price.id == (now.price_id if wish.at_once else now.next_price_id)
