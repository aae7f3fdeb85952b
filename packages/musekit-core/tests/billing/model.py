"""What must come out: a pure function of what Stripe has in the end, written without our code."""

from __future__ import annotations

from typing import Any

RANKS = {"tier_1": 1, "tier_2": 2, "tier_3": 3}
PAID = ("trialing", "active", "past_due")  # the last within the days of grace, as in these tests
Object = dict[str, Any]


def of_subscription(found: Object, products: dict[str, Object]) -> tuple[str, str | None, str, str]:
    """Return product, tier, status and price of a subscription.

    The tier stands in the metadata of the subscription, unless that was written for another price;
    else of the price; else of the product. Without a product it is of the only one there is.
    """
    price = found["items"]["data"][0]["price"]
    own = dict(found["metadata"])
    if own.get("muse_price", price["id"]) != price["id"]:
        own.pop("muse_tier", None)
    places = [own, price["metadata"], products[price["product"]]["metadata"]]
    product = next((each["muse_product"] for each in places if each.get("muse_product")), "shop")
    tier = next((each["muse_tier"] for each in places if each.get("muse_tier")), None)
    return product, tier, found["status"], price["id"]


def tier_of(customer: str, subscriptions: list[Object], products: dict[str, Object]) -> str:
    """Return the tier of a customer: of what they pay the highest; the free floor without."""
    paid = [
        tier
        for each in subscriptions
        if each["customer"] == customer
        for product, tier, status, _ in [of_subscription(each, products)]
        if product == "shop" and status in PAID and tier
    ]
    known = [tier for tier in paid if tier in RANKS]
    return max(known, key=RANKS.__getitem__, default="tier_1")
