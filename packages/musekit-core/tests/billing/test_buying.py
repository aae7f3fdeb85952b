"""From a price to a plan: Stripe's page, its event, the fetch, the tier."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from musekit.audit.models import AuditEntry
from musekit.billing import checkout
from musekit.billing.models import BillingCheckout, BillingCustomer, BillingSubscription
from musekit.billing.settings import BillingSettings
from musekit.kernel.actors import Actor
from musekit.products import tiers

SYSTEM = Actor.system("tests")


def test_a_plan_is_bought_and_holds(shop, make_user, told) -> None:
    ada = make_user()
    assert shop.tier(ada.space_id) == "tier_1"
    answer = shop.buy(ada)
    assert answer.status_code == 201, answer.text
    assert answer.json()["url"].startswith(shop.stripe.url)
    [page] = shop.stripe.objects["sessions"]
    bought = shop.stripe.complete(page)
    assert bought["metadata"]["muse_tier"] == "tier_2"
    assert {each.status_code for each in shop.tell()} == {200}
    shop.settle()
    assert shop.tier(ada.space_id) == "tier_2"
    decision = tiers.resolve(shop.host, "shop", ada.space_id, fresh=True)
    assert (decision.source, decision.steps[1].found) == ("stripe", "tier_2")
    assert told == [("shop", [ada.space_id], "tier_1", "tier_2")]
    assert [each.state for each in shop.rows(BillingCheckout)] == ["done"]
    assert shop.states <= {"done", "ignored"}
    [note] = [each for each in shop.rows(AuditEntry) if each.action == "subscription.changed"]
    assert (note.in_space_id, note.detail["after"]) == (ada.space_id, "tier_2")
    shown = ada.client.get("/api/billing").json()
    assert [each["tier"] for each in shown["subscriptions"]] == ["tier_2"]


def test_a_change_a_lapse_and_an_end_are_followed(shop, make_user, told) -> None:
    ada = make_user()
    shop.buy(ada)
    [page] = shop.stripe.objects["sessions"]
    key = shop.stripe.complete(page)["id"]

    def after(**change: object) -> str:
        if change:
            shop.stripe.change("subscriptions", key, **change)
        shop.tell(*shop.stripe.events[-1:])
        shop.settle()
        return shop.tier(ada.space_id)

    assert after() == "tier_2"
    # Stripe's own pages change the price and leave the metadata that the checkout wrote.
    assert after(items=[{"price": shop.big["id"]}]) == "tier_3"
    assert after(status="past_due") == "tier_3"
    late = BillingSettings.model_fields["grace_days"].default + 1
    with shop.host.database.session(SYSTEM) as session:
        [row] = session.query(BillingSubscription)
        since = row.past_due_since
        assert since is not None
    shop.host.sections[BillingSettings] = shop.host.settings_of(BillingSettings).model_copy(
        update={"grace_days": -late}
    )
    assert shop.tier(ada.space_id) == "tier_1"
    assert after(status="active") == "tier_3"
    assert after(status="canceled") == "tier_1"
    assert [(before, now) for _, _, before, now in told][-1] == ("tier_3", "tier_1")


def test_asked_fifty_times_it_is_one_page(shop, make_user) -> None:
    ada = make_user()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: shop.buy(ada), range(50)))
    assert {each.status_code for each in answers} == {201}
    assert len({each.json()["url"] for each in answers}) == 1
    assert len(shop.stripe.objects["sessions"]) == len(shop.stripe.objects["customers"]) == 1


def test_stripes_own_fault_is_not_asked_for_a_day_long(shop, make_user) -> None:
    """It keeps what it answered first under a key, errors too."""
    ada = make_user()
    shop.stripe.faults.extend(["", "500 after"])
    assert shop.buy(ada).status_code == 503
    answer = shop.buy(ada)
    assert answer.status_code == 201
    assert answer.json()["url"].endswith(list(shop.stripe.objects["sessions"])[-1])
    keys = [each.key for each in shop.stripe.ledger if each.path == "checkout/sessions"]
    assert len(set(keys)) == 2
    assert len(shop.stripe.objects["customers"]) == 1


@pytest.mark.parametrize("fault", ["409", "500"])
def test_an_answer_that_got_lost_makes_no_second_page(shop, make_user, fault) -> None:
    ada = make_user()
    shop.stripe.faults.extend(["", fault])  # the customer, then the page
    assert shop.buy(ada).status_code == 201
    assert len(shop.stripe.objects["sessions"]) == 1
    keys = {each.key for each in shop.stripe.ledger if each.path == "checkout/sessions"}
    assert len(keys) == 1


def test_an_answer_that_never_came_makes_no_second_page(shop, make_user, monkeypatch) -> None:
    """The SDK asks again by itself, under the same key."""
    from musekit.billing import stripe_http

    ada = make_user()
    monkeypatch.setattr(stripe_http, "TIMEOUT", 2.0)
    shop.stripe.faults.extend(["", "lost"])
    assert shop.buy(ada).status_code == 201
    assert len(shop.stripe.objects["sessions"]) == 1
    assert any(each.replayed for each in shop.stripe.ledger if each.path == "checkout/sessions")


def test_stripe_away_is_said_and_tried_again(shop, make_user) -> None:
    ada = make_user()
    shop.stripe.faults.extend(["500"] * 3)
    refused = shop.buy(ada)
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert shop.buy(ada).status_code == 201
    assert len(shop.stripe.objects["sessions"]) == 1


@pytest.mark.parametrize("wanted", [True, False])
def test_taxes_are_worked_out_where_that_is_wished(shop, make_user, wanted) -> None:
    shop.set(automatic_tax=wanted)
    shop.buy(make_user())
    [page] = shop.stripe.objects["sessions"].values()
    asked = page["_asked"]
    assert ("automatic_tax" in asked) == wanted
    assert ("customer_update" in asked) == wanted


def test_another_price_takes_the_place_of_the_first_page(shop, make_user) -> None:
    ada = make_user()
    shop.buy(ada)
    assert shop.buy(ada, shop.big).status_code == 201
    first, second = shop.stripe.objects["sessions"].values()
    assert (first["status"], second["status"]) == ("expired", "open")


def test_of_two_plans_in_two_windows_one_can_be_paid(shop, make_user, monkeypatch) -> None:
    ada, page, second = make_user(), checkout._page, list[int]()

    def slow(*asked: object) -> object:
        monkeypatch.undo()  # while the first page is being made, the second is asked for and given
        second.append(shop.buy(ada, shop.big).status_code)
        return page(*asked)

    monkeypatch.setattr(checkout, "_page", slow)
    assert (shop.buy(ada).status_code, second) == (409, [201])
    pages = shop.stripe.objects["sessions"].values()
    assert sorted(each["status"] for each in pages) == ["expired", "open"]
    [row] = [each for each in shop.rows(BillingCheckout) if each.state == "open"]
    assert row.price_id == shop.big["id"]
    assert shop.stripe.objects["sessions"][row.session_id]["status"] == "open"


def test_a_page_that_was_just_paid_is_not_replaced(shop, make_user) -> None:
    """We have not heard of it yet, and Stripe refuses to close it."""
    ada = make_user()
    shop.buy(ada)
    shop.stripe.complete(next(iter(shop.stripe.objects["sessions"])))
    for _ in range(2):
        refused = shop.buy(ada, shop.big)
        assert refused.status_code == 409, refused.text
        assert len(shop.stripe.objects["sessions"]) == 1
    shop.settle()
    assert shop.tier(ada.space_id) == "tier_2"


def test_what_is_bought_is_not_bought_again(shop, make_user) -> None:
    ada = make_user()
    shop.buy(ada)
    shop.stripe.complete(next(iter(shop.stripe.objects["sessions"])))
    shop.tell()
    shop.settle()
    assert shop.buy(ada, shop.big).status_code == 409


def test_only_what_is_on_sale_is_sold(shop, make_user) -> None:
    ada = make_user()
    shop.stripe.change("prices", shop.basic["id"], active=False)
    shop.tell(*shop.stripe.events[-1:])
    shop.settle()
    listed = ada.client.get("/api/billing/prices").json()["items"]
    assert [each["id"] for each in listed] == [shop.big["id"]]
    for wrong in (shop.basic["id"], "price_made_up"):
        answer = ada.client.post("/api/billing/checkout", json={"product": "shop", "price": wrong})
        assert answer.status_code == 404


def test_a_client_says_nothing_of_tiers(shop, make_user) -> None:
    ada = make_user()
    body = {"product": "shop", "price": shop.basic["id"], "muse_tier": "tier_3"}
    assert ada.client.post("/api/billing/checkout", json=body).status_code == 422
    body.pop("muse_tier")
    other = {**body, "product": "passive-post"}
    assert ada.client.post("/api/billing/checkout", json=other).status_code == 404


def test_a_customer_whose_id_got_lost_is_found_by_its_events(shop, make_user) -> None:
    ada = make_user()
    shop.buy(ada)
    with shop.host.database.session(SYSTEM) as session:
        session.execute(update(BillingCustomer).values(stripe_id=None))
    shop.stripe.complete(next(iter(shop.stripe.objects["sessions"])))
    shop.tell()
    shop.settle()
    assert shop.customer.stripe_id in shop.stripe.objects["customers"]
    assert shop.tier(ada.space_id) == "tier_2"


def test_the_portal_opens_for_who_has_bought(shop, make_user) -> None:
    ada = make_user()
    assert ada.client.post("/api/billing/portal", json={}).status_code == 409
    shop.buy(ada)
    assert ada.client.post("/api/billing/portal", json={}).json()["url"].startswith(shop.stripe.url)


def test_without_stripe_it_is_said_that_nothing_is_for_sale(client, make_user) -> None:
    ada = make_user()
    assert ada.client.get("/api/billing").json() == {"configured": False, "subscriptions": []}
    assert ada.client.get("/api/billing/prices").json()["items"] == []
    for path, body in (("checkout", {"product": "x", "price": "y"}), ("portal", {})):
        answer = ada.client.post(f"/api/billing/{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "not-configured")
    assert client.post("/api/billing/stripe/webhook", content=b"{}").status_code == 404


def test_what_is_paid_is_in_the_export(shop, make_user) -> None:
    ada, eve = make_user("ada@example.com"), make_user()
    key = shop.subscribe(ada)
    found = ada.client.get("/api/auth/export").json()["musekit"]["billing"]
    assert [(each["id"], each["tier"]) for each in found["subscriptions"]] == [(key, "tier_2")]
    assert [each["state"] for each in found["purchases_begun"]] == ["done"]
    assert eve.client.get("/api/auth/export").json()["musekit"]["billing"] == {}
