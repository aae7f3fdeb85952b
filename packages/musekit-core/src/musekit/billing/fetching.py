"""Asking Stripe for a customer's subscriptions, and for what is on sale. No database here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stripe import StripeClient

#: Metadata at Stripe: the tier that something gives, and the product it is of.
TIER, PRODUCT = "muse_tier", "muse_product"
#: Of subscriptions that a checkout of ours made: the price for which `TIER` was written.
PRICE = "muse_price"
#: Stripe's largest page.
PAGE = 100

Row = dict[str, Any]
Metadata = Mapping[str, str]


def subscriptions(client: StripeClient, customer: str, only: str | None) -> list[Row]:
    """Return all subscriptions of a customer, ended ones too, as rows of the mirror.

    Args:
        customer: ``cus_…``.
        only: the product that a subscription is taken for which names none: the only one there is.
    """
    found = client.v1.subscriptions.list({
        "customer": customer, "status": "all", "limit": PAGE, "expand": ["data.schedule"],
    })  # fmt: skip
    sold = _Products(client)
    return [_subscription(each.to_dict(), sold, only) for each in found.auto_paging_iter()]


def prices(client: StripeClient, only: str | None) -> list[Row]:
    """Return all recurring prices that are active, as rows of the mirror."""
    sold = _Products(client)
    listed = client.v1.products.list({"limit": PAGE})
    for each in listed.auto_paging_iter():
        sold.known[each.id] = each.to_dict().get("metadata") or {}
    found = client.v1.prices.list({"active": True, "type": "recurring", "limit": PAGE})
    return [_price(each.to_dict(), sold, only) for each in found.auto_paging_iter()]


class _Products:
    """Metadata of products: prices name theirs by id alone."""

    def __init__(self, client: StripeClient) -> None:
        self._client = client
        self.known: dict[str, Metadata] = {}

    def of(self, price: Mapping[str, Any]) -> Metadata:
        key = price["product"] if isinstance(price["product"], str) else price["product"]["id"]
        if key not in self.known:
            self.known[key] = self._client.v1.products.retrieve(key).to_dict().get("metadata") or {}
        return self.known[key]


def _subscription(found: Mapping[str, Any], sold: _Products, only: str | None) -> Row:
    item = found["items"]["data"][0]  # of several the first: ours have one
    price, own = item["price"], dict(found.get("metadata") or {})
    if own.get(PRICE, price["id"]) != price["id"]:
        own.pop(TIER, None)  # it was written for another price, and the plan was changed since
    places = (own, price.get("metadata") or {}, sold.of(price))
    recurring = price["recurring"]
    return upcoming(found) | {
        "id": found["id"], "status": found["status"], "price_id": price["id"],
        "product": _first(places, PRODUCT) or only, "tier": _first(places, TIER),
        "quantity": item.get("quantity") or 1, "currency": price["currency"],
        "unit_amount": price.get("unit_amount"), "interval": recurring["interval"],
        "interval_count": recurring.get("interval_count") or 1,
        "current_period_end": _at(item.get("current_period_end")),
        "cancel_at_period_end": bool(found.get("cancel_at_period_end")),
        "cancel_at": _at(found.get("cancel_at")), "trial_end": _at(found.get("trial_end")),
        "ended_at": _at(found.get("ended_at")), "stripe_created": _at(found["created"]),
    }  # fmt: skip


def upcoming(found: Mapping[str, Any]) -> Row:
    """Return what a schedule at Stripe will change of a subscription, and when.

    Args:
        found: a subscription whose ``schedule`` is expanded.
    """
    schedule = found.get("schedule") or {}
    current = schedule.get("current_phase") or {}
    later = [
        phase
        for phase in schedule.get("phases") or ()
        if current and phase["start_date"] >= current["end_date"]
    ]
    price = later[0]["items"][0]["price"] if later else None
    return {
        "schedule_id": schedule.get("id"),
        "next_price_id": price["id"] if isinstance(price, Mapping) else price,
        "changes_at": _at(later[0]["start_date"]) if later else None,
    }


def _price(found: Mapping[str, Any], sold: _Products, only: str | None) -> Row:
    places = (found.get("metadata") or {}, sold.of(found))
    recurring = found["recurring"]
    return {
        "id": found["id"], "stripe_product": found["product"],
        "product": _first(places, PRODUCT) or only, "tier": _first(places, TIER),
        "currency": found["currency"], "unit_amount": found.get("unit_amount"),
        "interval": recurring["interval"], "interval_count": recurring.get("interval_count") or 1,
        "trial_days": recurring.get("trial_period_days"), "active": bool(found["active"]),
        "nickname": found.get("nickname") or "",
    }  # fmt: skip


def _first(places: tuple[Metadata, ...], name: str) -> str | None:
    def values() -> Iterator[str]:
        yield from (place[name] for place in places if place.get(name))

    return next(values(), None)


def _at(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
