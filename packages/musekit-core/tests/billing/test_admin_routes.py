"""The operator's JSON routes of billing: what is on sale, who pays, what Stripe told."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.stripe_double.app import HOOK, KEY

from musekit.audit.models import AuditEntry
from musekit.auth.models import User

API = "/api/admin/billing"


@pytest.fixture
def operator(shop: Any, make_user: Any) -> Any:
    made = make_user("operator@example.com")
    with shop.host.database.session(shop.system) as session:
        session.get_one(User, made.user_id).is_operator = True
    return made.client


def test_what_is_on_sale_and_why_some_is_not(shop: Any, operator: Any) -> None:
    shop.stripe.offer("gone", "tier_2", 100)
    fetched = operator.post(f"{API}/sync", json={})
    assert fetched.status_code == 200, fetched.text
    prices = operator.get(f"{API}/prices").json()["items"]
    assert len(prices) == fetched.json()["prices"] == 3
    faults = {each["product"]: each["fault"] for each in prices}
    assert faults == {"shop": "", "gone": "is of “gone”, which is not installed"}
    now = operator.get(API)
    assert (now.json()["configured"], now.json()["live"], now.json()["prices"]) == (True, False, 3)
    assert KEY not in now.text
    assert HOOK not in now.text


def test_an_event_is_done_once_more_and_a_customer_fetched(
    shop: Any, operator: Any, make_user: Any
) -> None:
    ada = make_user("ada@example.com")
    subscription = shop.subscribe(ada)
    found = operator.get(f"{API}/events", params={"search": "subscription.created"}).json()
    event = found["items"][0]
    assert event["type"] == "customer.subscription.created"
    assert operator.get(f"{API}/events/{event['id']}").json() == event
    # Changed at Stripe, and its event never came.
    shop.stripe.change("subscriptions", subscription, items=[{"price": shop.big["id"]}])
    assert operator.post(f"{API}/events/{event['id']}/replay", json={}).status_code == 204
    shop.settle()
    assert shop.tier(ada.space_id) == "tier_3"
    customers = operator.get(f"{API}/customers", params={"search": "ada@"}).json()["items"]
    assert [each["name"] for each in customers] == ["ada@example.com"]
    assert [each["tier"] for each in customers[0]["subscriptions"]] == ["tier_3"]
    here = f"{API}/customers/{customers[0]['id']}"
    shop.stripe.change("subscriptions", subscription, items=[{"price": shop.basic["id"]}])
    assert operator.post(f"{here}/sync", json={}).status_code == 204
    assert operator.get(here).json()["customer"]["waiting"] is True
    shop.settle()
    detail = operator.get(here).json()
    assert detail["customer"]["waiting"] is False
    assert event["id"] in {each["id"] for each in detail["events"]}
    assert shop.tier(ada.space_id) == "tier_2"
    assert {"billing.replayed", "billing.fetched"} <= {e.action for e in shop.rows(AuditEntry)}


@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_is_not_there_and_for_whom_it_is_not(shop: Any, operator: Any, make_user: Any) -> None:
    assert operator.get(f"{API}/events/evt_none").status_code == 404
    assert operator.post(f"{API}/events/evt_none/replay", json={}).status_code == 404
    odd = {**shop.stripe.events[0], "id": "evt_odd", "type": "radar.early_fraud_warning.created"}
    shop.tell(odd)
    assert operator.post(f"{API}/events/evt_odd/replay", json={}).status_code == 409
    ada = make_user()
    assert operator.get(f"{API}/customers/{ada.user_id}").status_code == 404
    for path in ("", "/prices", "/events", "/customers"):
        assert ada.client.get(API + path).status_code == 403, path
