"""What is done to subscriptions, their schedules and checkout pages, with Stripe's own rules."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.support.stripe_double import shapes
from tests.support.stripe_double.errors import refused
from tests.support.stripe_double.shapes import Object

if TYPE_CHECKING:
    from tests.support.stripe_double.app import StripeDouble

#: Members of a request that say how it is done, and are no members of the object.
ABOUT_THE_CALL = ("proration_behavior", "proration_date", "payment_behavior", "expand")
#: Seconds of the intervals of prices.
LENGTH = {"day": 86400, "week": 7 * 86400, "month": shapes.MONTH, "year": 365 * 86400}


def changed(double: StripeDouble, kind: str, values: dict[str, Any], found: Object) -> Object:
    """Change a subscription. An item without its id would be a second one beside the first."""
    if found["status"] in ("canceled", "incomplete_expired"):
        raise refused("A canceled subscription can only update its cancellation_details")
    if found["schedule"] and {"cancel_at", "cancel_at_period_end"} & values.keys():
        raise refused(
            f"The subscription is managed by the subscription schedule `{found['schedule']}`, and"
            " updating any cancelation behavior directly is not allowed."
        )
    for item in values.get("items", ()):
        if item.get("id") != found["items"]["data"][0]["id"]:
            raise refused("The double adds no items: name the one that there is.")
        price = double.objects["prices"].get(item["price"])
        if price is None or not price["active"]:
            raise refused("The price specified is inactive or not there.")
        old = found["items"]["data"][0]["price"]
        if old["recurring"]["interval"] != price["recurring"]["interval"]:
            _begin_anew(found, price)
    if values.get("cancel_at") == "":
        values["cancel_at"] = None
    return double.change(kind, found["id"], **values)


def _begin_anew(found: Object, price: Object) -> None:
    """Another interval begins a period of its own."""
    item, now = found["items"]["data"][0], int(time.time())
    item["current_period_start"] = found["billing_cycle_anchor"] = now
    item["current_period_end"] = now + LENGTH[price["recurring"]["interval"]]


def canceled(double: StripeDouble, kind: str, values: dict[str, Any], found: Object) -> Object:
    """End a subscription at once."""
    if found["status"] == "canceled":
        raise refused("No such subscription", "resource_missing")
    if found["schedule"]:
        double.objects["subscription_schedules"][found["schedule"]]["status"] = "canceled"
    return double.change(kind, found["id"], status="canceled")


def planned(double: StripeDouble, kind: str, values: dict[str, Any]) -> Object:
    """Make a schedule from a subscription."""
    of = double.objects["subscriptions"][values["from_subscription"]]
    if of["schedule"]:
        raise refused(
            "You cannot migrate a subscription that is already attached to a schedule:"
            f" {of['schedule']}"
        )
    made = shapes.schedule(f"sub_sched_{uuid4().hex[:20]}", of)
    double.objects[kind][made["id"]] = made
    of["schedule"] = made["id"]
    double.tell("subscription_schedule.created", made)
    return made


def replanned(double: StripeDouble, kind: str, values: dict[str, Any], found: Object) -> Object:
    """Write the phases of a schedule; one without dates follows the one before it."""
    if found["status"] != "active":
        raise refused(f"You cannot update a subscription schedule that is `{found['status']}`.")
    phases, at = list[Object](), 0
    for given in values.pop("phases"):
        begin = int(given.get("start_date", at))
        if "end_date" in given:
            at = int(given["end_date"])
        else:
            length = given["duration"]
            at = begin + LENGTH[length["interval"]] * int(length.get("interval_count", 1))
        [item] = given["items"]
        if item["price"] not in double.objects["prices"]:
            raise refused("No such price")
        phases.append(shapes.phase(item["price"], begin, at, given.get("metadata")))
    if phases[0]["start_date"] != found["current_phase"]["start_date"]:
        raise refused("You can not modify the start date of the current phase.")
    found["phases"] = phases
    found.update(values)
    double.tell("subscription_schedule.updated", found)
    return found


def released(double: StripeDouble, kind: str, values: dict[str, Any], found: Object) -> Object:
    """Let a schedule go."""
    if found["status"] != "active":
        raise refused(f"You cannot release a subscription schedule that is `{found['status']}`.")
    of = double.objects["subscriptions"][found["subscription"]]
    double.release(found["id"])
    double.tell("subscription_schedule.released", found)
    double.tell("customer.subscription.updated", of)
    return found


def expired(double: StripeDouble, kind: str, values: dict[str, Any], found: Object) -> Object:
    """Close a page that nobody has paid on."""
    if found["status"] != "open":
        raise refused(f"Only Checkout Sessions with a status in [open] can be expired: {found}")
    found["status"] = "expired"
    double.tell("checkout.session.expired", found)
    return found


def previewed(double: StripeDouble, values: dict[str, Any]) -> Object:
    """Work out the next invoice: what is left of the period, by the second, and the next one."""
    of = double.objects["subscriptions"][values["subscription"]]
    wanted = values["subscription_details"]
    at = int(wanted.get("proration_date", time.time()))
    item = of["items"]["data"][0]
    begin, end = item["current_period_start"], item["current_period_end"]
    if not begin <= at <= end:
        raise refused("Cannot specify a proration date outside of the current period.")
    new = double.objects["prices"][wanted["items"][0]["price"]]
    old, left = item["price"], (end - at) / (end - begin)
    lines = []
    if of["status"] != "trialing":
        lines = [(f"Unused time on {old['id']}", -round(old["unit_amount"] * left), True)]
        if old["recurring"]["interval"] == new["recurring"]["interval"]:
            text = f"Remaining time on {new['id']}"
            lines.append((text, round(new["unit_amount"] * left), True))
    lines.append((f"1 × {new['id']}", new["unit_amount"], False))
    return shapes.preview(lines, of, at)


SPECIAL: dict[tuple[str, ...], Callable[..., Object]] = {
    ("subscriptions",): changed,
    ("subscriptions", "DELETE"): canceled,
    ("subscription_schedules", "new"): planned,
    ("subscription_schedules",): replanned,
    ("subscription_schedules", "release"): released,
    ("sessions", "expire"): expired,
}
