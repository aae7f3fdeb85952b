"""Ways to come by a plan that nobody paid for (D23, D33): 0 of them give one.

What Stripe did not sign is refused; what it did sign is a hint to look, and nothing more; and what
a client says of its plan is not read at all.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.stripe_double import signature
from tests.support.stripe_double.app import HOOK

from musekit.billing.models import BillingSubscription

PATH = "/api/billing/stripe/webhook"
Grant = Callable[[Any, dict[str, Any]], dict[str, Any]]


def paid_for(shop: Any, event: dict[str, Any]) -> dict[str, Any]:
    """The event as the attacker would like it: an active subscription of the highest tier."""
    wish = copy.deepcopy(event)
    wish["id"] = "evt_forged"
    thing = wish["data"]["object"]
    thing["status"] = "active"
    thing["metadata"] = {
        "muse_tier": "tier_3", "muse_product": "shop", "muse_price": shop.big["id"]
    }  # fmt: skip
    return wish


def unsigned(body: bytes) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (name, headers) that do not sign a body."""
    good = signature(body, HOOK)
    stamp, mac = good.split(",")
    now = int(time.time())
    values = {
        "nothing": None, "empty": "", "words": "rubbish", "a stamp": stamp, "a mac": mac,
        "another secret": signature(body, "whsec_another"), "no secret": signature(body, ""),
        "the secret's name": signature(body, "whsec_"), "another body": signature(b"{}", HOOK),
        "old": signature(body, HOOK, at=now - 301), "very old": signature(body, HOOK, at=1),
        "another stamp": f"t={now + 9},{mac}", "no commas": good.replace(",", ";"),
        "zeros": f"{stamp},v1={'0' * 64}", "half": good[:-32], "capitals": good.upper(),
        "v0": f"{stamp},v0={mac[3:]}", "of the old scheme": f"v1={mac[3:]}",
        "many": f"{stamp}," + ",".join(f"v1={n:064x}" for n in range(50)),
        "two stamps": f"t=1,{good}", "a stamp of words": f"t=now,{mac}",
    }  # fmt: skip
    for name, value in values.items():
        yield name, {} if value is None else {"Stripe-Signature": value}
    yield "in another header", {"X-Stripe-Signature": good}
    yield "as a bearer", {"Authorization": f"Bearer {HOOK}"}


def _subscription(**values: Any) -> Grant:
    def lie(shop: Any, event: dict[str, Any]) -> dict[str, Any]:
        made = paid_for(shop, event)
        made["data"]["object"] |= values
        return made

    return lie


def _event(**values: Any) -> Grant:
    return lambda shop, event: {**paid_for(shop, event), **values}


def _item(shop: Any, event: dict[str, Any]) -> dict[str, Any]:
    made = paid_for(shop, event)
    made["data"]["object"]["items"]["data"][0]["price"] = shop.big
    return made


def _page(shop: Any, event: dict[str, Any]) -> dict[str, Any]:
    made = paid_for(shop, event)
    made["type"] = "checkout.session.completed"
    made["data"]["object"] |= {"object": "checkout.session", "payment_status": "paid"}
    return made


#: Signed by Stripe, as if its account were in wrong hands, or it sent what is no more so.
SIGNED: dict[str, Grant] = {
    "a tier in the metadata": _subscription(),
    "another price": _item,
    "a page that is paid": _page,
    "of another type": _event(type="invoice.paid"),
    "of an unknown type": _event(type="grant.everything"),
    "of another mode": _event(livemode=True),
    "of another account": _event(account="acct_other"),
    "of a connected account": _event(account="acct_1", context="acct_1"),
    "without a type": _event(type=""),
    "a trial without end": _subscription(status="trialing", trial_end=4102444800),
    "a subscription we do not know": _subscription(id="sub_forged"),
    "a customer who is nobody": _subscription(customer="cus_forged"),
    "a customer as an object": _subscription(customer={"id": "cus_forged"}),
    "no customer": _subscription(customer=None),
    "a list for a customer": _subscription(customer=["cus_forged"]),
    "no items": _subscription(items={"data": []}),
    "half an object": lambda shop, event: {"id": "evt_half", "type": event["type"], "data": {}},
}

#: What a client adds when it asks for the page where one pays.
ASKED: dict[str, dict[str, Any]] = {
    "a tier": {"tier": "tier_3"}, "muse_tier": {"muse_tier": "tier_3"},
    "metadata": {"metadata": {"muse_tier": "tier_3"}}, "an amount": {"unit_amount": 0},
    "a trial": {"trial_days": 36500}, "a coupon": {"discounts": [{"coupon": "free"}]},
    "a customer": {"customer": "cus_forged"}, "a price that is none": {"price": "price_forged"},
    "no price": {"price": ""}, "a price as an object": {"price": {"unit_amount": 0}},
    "another product": {"product": "other"}, "a quantity": {"quantity": 0},
    "an address to return to": {"success_url": "https://evil.example/"},
    "a space": {"space_id": "00000000-0000-7000-8000-000000000000"},
}  # fmt: skip


@pytest.fixture
def nobody(shop: Any, make_user: Any) -> Any:
    """Somebody who has opened the page where one pays, and has paid nothing."""
    ada = make_user()
    shop.buy(ada)
    return ada


def event_of_another(shop: Any, make_user: Any) -> dict[str, Any]:
    """A real event, about somebody who did pay, for the lesser plan."""
    bob = make_user()
    shop.buy(bob)
    shop.stripe.complete(list(shop.stripe.objects["sessions"])[-1])
    [event] = [e for e in shop.stripe.events if e["type"] == "customer.subscription.created"]
    return event


def tiers(shop: Any, *users: Any) -> list[str]:
    shop.settle()
    return [shop.tier(each.space_id) for each in users]


def test_there_are_fifty() -> None:
    assert len(list(unsigned(b"{}"))) + len(SIGNED) + len(ASKED) >= 50


def test_what_is_not_signed_gives_nothing(shop: Any, nobody: Any, make_user: Any) -> None:
    event = event_of_another(shop, make_user)
    mine = next(iter(shop.stripe.objects["customers"]))
    forged = paid_for(shop, event)
    forged["data"]["object"]["customer"] = mine
    body = json.dumps(forged).encode()
    for name, headers in unsigned(body):
        answer = shop.client.post(
            PATH, content=body, headers={"Content-Type": "application/json", **headers}
        )
        assert answer.status_code == 400, (name, answer.status_code)
    assert tiers(shop, nobody) == ["tier_1"]
    assert shop.rows(BillingSubscription) == []


def test_what_is_signed_is_not_believed(shop: Any, nobody: Any, make_user: Any) -> None:
    event = event_of_another(shop, make_user)
    mine = next(iter(shop.stripe.objects["customers"]))
    assert mine != event["data"]["object"]["customer"]
    for number, (name, lie) in enumerate(SIGNED.items()):
        forged = lie(shop, event)
        forged["id"] = f"evt_forged_{number}"
        thing = forged["data"].get("object", {})
        if thing.get("customer") == event["data"]["object"]["customer"]:
            thing["customer"] = mine
        body = json.dumps(forged).encode()
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature(body, HOOK)}
        answer = shop.client.post(PATH, content=body, headers=headers)
        assert answer.status_code in (200, 400), (name, answer.text)
        assert tiers(shop, nobody) == ["tier_1"], name
    # The same event, as it was: whoever paid has what they paid for, and nobody else anything.
    shop.tell(event)
    assert tiers(shop, nobody) == ["tier_1"]
    assert [each.tier for each in shop.rows(BillingSubscription)] == ["tier_2"]


def test_what_a_client_asks_for_is_not_given(shop: Any, nobody: Any) -> None:
    wanted = {"product": "shop", "price": shop.basic["id"]}
    for name, more in ASKED.items():
        answer = nobody.client.post("/api/billing/checkout", json=wanted | more)
        assert answer.status_code in (404, 409, 422), (name, answer.text)
    pages = list(shop.stripe.objects["sessions"])
    for checkout in ("", "x", "cs_forged", *pages, "00000000-0000-7000-8000-000000000000"):
        for path in (f"/billing/return?checkout={checkout}", f"/billing/return?look={checkout}"):
            assert nobody.client.get(path).status_code < 500
    assert tiers(shop, nobody) == ["tier_1"]
    for page in shop.stripe.objects["sessions"].values():
        said = json.dumps(page)
        assert "tier_3" not in said
        assert "evil.example" not in said
