"""Another plan: more at once, less when the paid time is over; ended, and taken back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from musekit.billing.models import BillingSubscription


@pytest.fixture
def ada(make_user):
    return make_user()


@pytest.fixture
def year(shop):
    """The smaller plan by the year."""
    return shop.stripe.offer("shop", "tier_2", 9000, recurring={"interval": "year"})


def act(user, what, **body):
    return user.client.post(f"/api/billing/{what}", json={"product": "shop", **body})


def mirrored(shop) -> BillingSubscription:
    [row] = [each for each in shop.rows(BillingSubscription) if each.status != "canceled"]
    return row


def there(shop, key):
    return shop.stripe.objects["subscriptions"][key]


def asked(shop, path):
    return [each for each in shop.stripe.ledger if each.path == path and each.method == "POST"]


def test_more_holds_at_once_and_is_prorated(shop, ada) -> None:
    key = shop.subscribe(ada)
    shown = ada.client.get(f"/api/billing/preview?product=shop&price={shop.big['id']}").json()
    assert (shown["at_once"], shown["prorated"], shown["total"]) == (True, 2000, 4900)
    answer = act(ada, "change", price=shop.big["id"], at=shown["at"])
    assert answer.status_code == 200, answer.text
    assert answer.json()["subscriptions"][0]["tier"] == "tier_3"
    assert shop.tier(ada.space_id) == "tier_3"  # without any event
    [sent] = asked(shop, f"subscriptions/{key}")
    assert sent.values["proration_behavior"] == "create_prorations"
    assert int(sent.values["proration_date"]) == shown["at"]
    assert there(shop, key)["metadata"]["muse_tier"] == "tier_3"
    shop.tell()
    shop.settle()
    assert shop.tier(ada.space_id) == "tier_3"


def test_less_holds_when_the_paid_time_is_over(shop, ada) -> None:
    key = shop.subscribe(ada, shop.big)
    shown = ada.client.get(f"/api/billing/preview?product=shop&price={shop.basic['id']}").json()
    assert (shown["at_once"], shown["prorated"], shown["total"]) == (False, 0, 900)
    row = act(ada, "change", price=shop.basic["id"]).json()["subscriptions"][0]
    assert (row["tier"], row["next_price_id"]) == ("tier_3", shop.basic["id"])
    assert row["changes_at"] == row["current_period_end"] == shown["when"]
    assert shop.tier(ada.space_id) == "tier_3"
    shop.stripe.period_ends(key)
    shop.tell()
    shop.settle()
    assert shop.tier(ada.space_id) == "tier_2"
    assert mirrored(shop).next_price_id is None
    # Its schedule is still there, and in nobody's way.
    assert act(ada, "cancel").status_code == 200
    assert there(shop, key)["cancel_at_period_end"]


@pytest.mark.parametrize("what", ["resume", "change", "cancel"])
def test_a_planned_change_gives_way(shop, ada, what) -> None:
    key = shop.subscribe(ada, shop.big)
    act(ada, "change", price=shop.basic["id"])
    assert there(shop, key)["schedule"]
    largest = shop.stripe.offer("shop", "tier_3", 5000)
    shop.tell(*shop.stripe.events[-2:])
    shop.settle()
    answer = act(ada, what, **({"price": largest["id"]} if what == "change" else {}))
    assert answer.status_code == 200, answer.text
    assert there(shop, key)["schedule"] is None
    row = mirrored(shop)
    assert (row.next_price_id, row.changes_at, row.tier) == (None, None, "tier_3")
    assert row.cancel_at_period_end == (what == "cancel")
    shop.stripe.period_ends(key)
    shop.tell()
    shop.settle()
    assert shop.tier(ada.space_id) == ("tier_1" if what == "cancel" else "tier_3")


def test_a_refused_payment_changes_nothing_and_keeps_the_plan_for_later(shop, ada) -> None:
    key = shop.subscribe(ada, shop.big)
    act(ada, "change", price=shop.basic["id"])
    largest = shop.stripe.offer("shop", "tier_3", 5000, recurring={"interval": "year"})
    shop.tell(*shop.stripe.events[-2:])
    shop.settle()
    shop.stripe.faults.extend(["", "card_declined"])  # the release, then the change
    refused = act(ada, "change", price=largest["id"])
    assert (refused.status_code, refused.json()["stripe_code"]) == (409, "card_declined")
    row = mirrored(shop)
    assert (row.tier, row.next_price_id) == ("tier_3", shop.basic["id"])
    shop.stripe.period_ends(key)
    shop.tell()
    shop.settle()
    assert shop.tier(ada.space_id) == "tier_2"


def test_by_the_year_is_more_and_back_by_the_month_is_less(shop, ada, year) -> None:
    shop.tell(*shop.stripe.events[-2:])
    shop.settle()
    key = shop.subscribe(ada)
    shown = ada.client.get(f"/api/billing/preview?product=shop&price={year['id']}").json()
    assert (shown["at_once"], shown["total"]) == (True, 9000 - 900)
    assert act(ada, "change", price=year["id"]).status_code == 200
    row = mirrored(shop)
    assert (row.interval, row.price_id) == ("year", year["id"])
    back = act(ada, "change", price=shop.basic["id"]).json()["subscriptions"][0]
    assert back["next_price_id"] == shop.basic["id"]
    plan = shop.stripe.objects["subscription_schedules"][there(shop, key)["schedule"]]
    assert [each["items"][0]["price"] for each in plan["phases"]] == [year["id"], shop.basic["id"]]


def test_cancelled_it_holds_to_the_end_and_can_be_taken_back(shop, ada) -> None:
    key = shop.subscribe(ada)
    for _ in range(2):  # asked twice it is one cancellation
        assert act(ada, "cancel").json()["subscriptions"][0]["cancel_at_period_end"] is True
    assert len(asked(shop, f"subscriptions/{key}")) == 1
    assert shop.tier(ada.space_id) == "tier_2"
    assert act(ada, "resume").json()["subscriptions"][0]["cancel_at_period_end"] is False
    act(ada, "cancel")
    shop.stripe.period_ends(key)
    shop.tell()
    shop.settle()
    assert shop.tier(ada.space_id) == "tier_1"
    assert act(ada, "cancel").status_code == act(ada, "resume").status_code == 409
    assert shop.buy(ada, shop.big).status_code == 201  # and bought anew


def test_a_date_of_cancellation_set_at_stripe_is_taken_back_too(shop, ada) -> None:
    key = shop.subscribe(ada)
    end = there(shop, key)["items"]["data"][0]["current_period_end"]
    shop.stripe.change("subscriptions", key, cancel_at=end)
    shop.tell(*shop.stripe.events[-1:])
    shop.settle()
    assert mirrored(shop).cancel_at is not None
    assert act(ada, "resume").status_code == 200
    assert there(shop, key)["cancel_at"] is None


@pytest.mark.parametrize("wanted", ["big", "basic"])
def test_a_double_click_is_one_change(shop, ada, wanted) -> None:
    key = shop.subscribe(ada, shop.basic if wanted == "big" else shop.big)
    price = getattr(shop, wanted)["id"]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: act(ada, "change", price=price), range(4)))
    assert 200 in {each.status_code for each in answers}
    assert {each.status_code for each in answers} <= {200, 409}, [each.text for each in answers]
    shop.settle()
    row = mirrored(shop)
    assert price in (row.price_id, row.next_price_id)
    assert len(there(shop, key)["items"]["data"]) == 1
    plans = shop.stripe.objects["subscription_schedules"].values()
    assert sum(each["status"] == "active" for each in plans) == (wanted == "basic")


def test_while_a_payment_is_due_nothing_is_changed(shop, ada) -> None:
    key = shop.subscribe(ada)
    shop.stripe.change("subscriptions", key, status="past_due")
    shop.tell(*shop.stripe.events[-1:])
    shop.settle()
    refused = act(ada, "change", price=shop.big["id"])
    assert refused.status_code == 409
    assert "Cards and invoices" in refused.json()["detail"]
    assert act(ada, "cancel").status_code == 200


def test_only_what_is_on_sale_and_only_where_something_runs(shop, ada) -> None:
    assert act(ada, "change", price=shop.big["id"]).status_code == 409
    shop.subscribe(ada)
    assert act(ada, "change", price="price_made_up").status_code == 404
    assert act(ada, "change", price=shop.basic["id"]).status_code == 409
    assert ada.client.post("/api/billing/change", json={
        "product": "other", "price": shop.big["id"]}).status_code == 409  # fmt: skip


def test_in_a_trial_less_holds_at_once_too(shop, ada) -> None:
    shop.set(trial_days=14)
    key = shop.subscribe(ada, shop.big)
    assert there(shop, key)["status"] == "trialing"
    assert shop.tier(ada.space_id) == "tier_3"
    row = act(ada, "change", price=shop.basic["id"]).json()["subscriptions"][0]
    assert (row["tier"], row["status"], row["next_price_id"]) == ("tier_2", "trialing", None)


def test_a_trial_is_for_once(shop, ada) -> None:
    shop.set(trial_days=14)
    key = shop.subscribe(ada)
    page = next(iter(shop.stripe.objects["sessions"].values()))
    more = page["_asked"]["subscription_data"]
    assert more["trial_settings"] == {"end_behavior": {"missing_payment_method": "cancel"}}
    shop.stripe.change("subscriptions", key, status="canceled")
    shop.tell()
    shop.settle()
    again = shop.subscribe(ada)
    assert there(shop, again)["status"] == "active"


def test_stripe_away_changes_nothing(shop, ada) -> None:
    shop.subscribe(ada)
    shop.stripe.away = True
    for what, body in (("change", {"price": shop.big["id"]}), ("cancel", {}), ("resume", {})):
        refused = act(ada, what, **body)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert shop.tier(ada.space_id) == "tier_2"
