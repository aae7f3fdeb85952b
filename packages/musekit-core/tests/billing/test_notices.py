"""Mails about plans: each thing that happens once, in words, to who decides on the plan."""

from __future__ import annotations

import time

import pytest

from musekit.email import service as email
from musekit.organizations import service as organizations


@pytest.fixture
def ada(make_user):
    return make_user("ada@example.com")


def follow(shop, key, **change):
    """Change a subscription at Stripe and hear of it twice; return the new mails."""
    before = {each.id for each in shop.mails()}
    shop.stripe.change("subscriptions", key, **change)
    for _ in range(2):
        shop.tell(*shop.stripe.events[-1:])
        shop.settle()
    return [each for each in shop.mails() if each.id not in before]


def text(shop, mail) -> str:
    return email.unseal(shop.host, mail).text


def test_each_turn_is_told_of_once(shop, ada) -> None:
    key = shop.subscribe(ada)
    [first] = shop.mails()
    assert (first.template, first.to_email) == ("subscription-changed", "ada@example.com")
    assert first.subject == "Your plan: Tier 2"
    assert "It costs $9.00 per month." in text(shop, first)
    assert "/billing" in text(shop, first)
    [up] = follow(shop, key, items=[{"price": shop.big["id"]}])
    assert "your plan is Tier 3 now. It was Tier 2." in text(shop, up)
    [cancelled] = follow(shop, key, cancel_at_period_end=True)
    assert cancelled.subject == "Your plan Tier 3 is cancelled"
    assert "You keep it until" in text(shop, cancelled)
    [back] = follow(shop, key, cancel_at_period_end=False)
    assert "goes on as before" in text(shop, back)
    [failed] = follow(shop, key, status="past_due")
    assert failed.template == "payment-failed"
    assert "Nothing is lost" in text(shop, failed)
    assert follow(shop, key, status="active") == []
    [ended] = follow(shop, key, status="canceled")
    assert ended.subject == "Your plan Tier 3 has ended"
    assert "What is yours is kept" in text(shop, ended)
    assert {each.category for each in shop.mails()} == {"transactional"}


def test_what_comes_later_is_said_with_its_day(shop, ada) -> None:
    shop.subscribe(ada, shop.big)
    before = {each.id for each in shop.mails()}
    change = {"product": "shop", "price": shop.basic["id"]}
    assert ada.client.post("/api/billing/change", json=change).status_code == 200
    [planned] = [each for each in shop.mails() if each.id not in before]
    assert planned.subject == "Your plan will change to Tier 2"
    assert "you keep Tier 3 until" in text(shop, planned)


def test_a_trial_is_told_of_once_before_it_ends(shop, ada) -> None:
    shop.set(trial_days=14)
    key = shop.subscribe(ada)
    assert shop.mails("trial-ending") == []
    soon = int(time.time()) + 2 * 86400
    [mail] = follow(shop, key, trial_end=soon)
    assert mail.template == "trial-ending"
    assert "Then it costs $9.00 per month" in text(shop, mail)
    assert follow(shop, key, description="touched") == []


def test_a_cancelled_trial_needs_no_warning(shop, ada) -> None:
    shop.set(trial_days=14)
    key = shop.subscribe(ada)
    follow(shop, key, cancel_at_period_end=True)
    assert follow(shop, key, trial_end=int(time.time()) + 86400) == []


def test_of_an_organization_its_owners_are_told(shop, ada, make_user) -> None:
    admin, second = make_user("admin@example.com"), make_user("second@example.com")
    with shop.host.database.session(shop.system) as session:
        made, space = organizations.create(session, ada.user_id, "Juniper")
        organizations.join(session, made.id, admin.user_id, "admin", [])
        organizations.join(session, made.id, second.user_id, "owner", [])
        space_id = space.id
    answer = ada.client.post("/api/spaces/switch", json={"space_id": str(space_id)})
    assert answer.status_code < 300, answer.text
    shop.subscribe(ada)
    assert {each.to_email for each in shop.mails()} == {"ada@example.com", "second@example.com"}
    assert shop.tier(space_id) == "tier_2"
    assert shop.tier(ada.space_id) == "tier_1"
