"""Stripe's events: only what it signed, each once, in any order, and believed in nothing."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.stripe_double import signature
from tests.support.stripe_double.app import HOOK

from musekit.billing.models import BillingSubscription, StripeEvent


def bought(shop, make_user):
    ada = make_user()
    shop.buy(ada)
    [page] = shop.stripe.objects["sessions"]
    return ada, shop.stripe.complete(page)


def post(shop, body: bytes, header: str | None):
    headers = {"Content-Type": "application/json"}
    if header is not None:
        headers["Stripe-Signature"] = header
    return shop.client.post("/api/billing/stripe/webhook", content=body, headers=headers)


def test_what_stripe_did_not_sign_is_refused(shop, make_user) -> None:
    ada, _ = bought(shop, make_user)
    body = json.dumps(shop.stripe.events[-1]).encode()
    good = signature(body, HOOK)
    stamp, mac = good.split(",")
    forged = [
        None, "", "t=1", "v1=abc", "rubbish", "t=,v1=", f"{stamp}", f"{mac}", f"t=x,{mac}",
        f"{stamp},v1={'0' * 64}", f"{stamp},v0={mac[3:]}", signature(body, "whsec_other"),
        signature(body, ""), signature(body + b" ", HOOK), signature(body, HOOK, at=1),
        f"t={int(stamp[2:]) + 1},{mac}", good.upper(), f"{stamp},v1=é",
    ]  # fmt: skip
    answers = [post(shop, body, header) for header in forged if header is None or header.isascii()]
    answers += [post(shop, changed, good) for changed in (b"", b"{}", body[:-1], b"\xff\xfe")]
    answers += [post(shop, odd, signature(odd, HOOK)) for odd in (b"[]", b'{"id": "evt_1"}')]
    assert {each.status_code for each in answers} == {400}
    assert len(answers) == 23
    assert shop.rows(StripeEvent) == []
    shop.settle()
    assert shop.tier(ada.space_id) == "tier_1"
    assert post(shop, body, good).status_code == 200


def test_five_minutes_old_is_too_old(shop, make_user) -> None:
    import time

    bought(shop, make_user)
    event = shop.stripe.events[-1]
    assert shop.tell(event, at=time.time() - 302)[0].status_code == 400
    assert shop.tell(event, at=time.time() - 290)[0].status_code == 200


def test_both_secrets_hold_while_they_change(shop, make_user) -> None:
    bought(shop, make_user)
    event = shop.stripe.events[-1]
    assert shop.tell(event, secret="whsec_old")[0].status_code == 200
    assert shop.tell(event)[0].status_code == 200
    assert [each.deliveries for each in shop.rows(StripeEvent)] == [2]


@pytest.mark.parametrize("wrong", ["livemode", "account"])
def test_events_of_another_mode_or_account_change_nothing(shop, make_user, wrong) -> None:
    ada, _ = bought(shop, make_user)
    values = {"livemode": {"livemode": True}, "account": {"account": "acct_other"}}[wrong]
    shop.tell(*({**event, **values} for event in shop.stripe.events))
    assert shop.states == {"ignored"}
    shop.settle()
    assert shop.tier(ada.space_id) == "tier_1"


def test_what_an_event_says_is_not_believed(shop, make_user) -> None:
    """Even signed: of an event only the customer's id counts."""
    ada, _ = bought(shop, make_user)
    [event] = [e for e in shop.stripe.events if e["type"] == "customer.subscription.created"]
    event["data"]["object"]["metadata"]["muse_tier"] = "tier_3"
    event["data"]["object"]["status"] = "canceled"
    shop.tell(event)
    shop.settle()
    assert shop.tier(ada.space_id) == "tier_2"


def test_an_unknown_customer_is_ignored(shop) -> None:
    other = shop.stripe.new("customers", email="somebody@example.com")
    shop.tell(shop.stripe.events[-1])
    shop.stripe.new("subscriptions", customer=other["id"], items=[{"price": shop.basic["id"]}])
    shop.tell(shop.stripe.events[-1])
    shop.settle()
    assert shop.states == {"ignored"}
    assert shop.rows(BillingSubscription) == []


def test_stripe_away_loses_nothing(shop, make_user) -> None:
    ada, _ = bought(shop, make_user)
    shop.tell()
    shop.stripe.away = True
    shop.settle()
    assert shop.customer.last_error
    assert shop.customer.sync_requested > shop.customer.sync_done
    shop.stripe.away = False
    with shop.host.database.session(shop.system) as session:
        session.query(type(shop.customer)).update({"sync_until": None})
    shop.settle()
    assert shop.tier(ada.space_id) == "tier_2"
    assert shop.customer.last_error is None


def test_any_order_any_number_at_once_ends_where_stripe_is(shop, make_user) -> None:
    chance = random.Random(11)
    people = [make_user() for _ in range(4)]
    for person in people:
        shop.buy(person)
        page = list(shop.stripe.objects["sessions"])[-1]
        key = shop.stripe.complete(page)["id"]
        for _ in range(chance.randint(0, 4)):
            shop.stripe.change("subscriptions", key, **chance.choice([
                {"status": "past_due"}, {"status": "active"}, {"status": "unpaid"},
                {"items": [{"price": shop.big["id"]}]}, {"items": [{"price": shop.basic["id"]}]},
            ]))  # fmt: skip
    sent = [event for event in shop.stripe.events for _ in range(chance.randint(1, 4))]
    chance.shuffle(sent)

    def deliver(n: int) -> set[int]:
        answers = shop.tell(*sent[n::4])
        shop.settle()
        return {each.status_code for each in answers}

    with ThreadPoolExecutor(4) as pool:
        assert set().union(*pool.map(deliver, range(4))) == {200}
    shop.settle()
    final = {each["id"]: each for each in shop.stripe.objects["subscriptions"].values()}
    mirrored = {each.id: (each.status, each.price_id) for each in shop.rows(BillingSubscription)}
    assert mirrored == {
        key: (each["status"], each["items"]["data"][0]["price"]["id"])
        for key, each in final.items()
    }
    assert len(shop.rows(StripeEvent)) == len(shop.stripe.events)
    assert shop.states <= {"done", "ignored"}
