"""The pages of billing in a browser, in every look: buy, change, cancel; and the operator's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from tests.support.chromium import launched
from tests.support.looking import EVERY, Looker, served, shots_folder

from musekit.auth import service
from musekit.auth.models import User
from musekit.testing.pytest_plugin import PASSWORD

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.parametrize("backend", ["sqlite"]),
]  # fmt: skip


def test_from_a_price_to_a_plan_and_back(app: FastAPI, shop: Any, tmp_path: Path) -> None:
    year = shop.stripe.offer("shop", "tier_2", 9000, recurring={"interval": "year"})
    shop.tell(*shop.stripe.events[-2:])
    shop.settle()
    with launched() as browser, served(app) as address:
        name = "ada@example.com"
        with shop.host.database.session(shop.system) as session:
            service.sign_up(session, name, PASSWORD, "Ada Lovelace")
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        page = me.page
        me.go("/pricing", "pricing")
        me.sign_in(name, PASSWORD)
        me.go("/billing", "billing-free")
        me.go("/billing/plans", "plans-free")
        page.get_by_role("button", name="Buy Tier 2, $9 per month").click()
        page.get_by_role("button", name="Pay").click()
        page.get_by_text("Waiting for Stripe").wait_for()
        me.at("return-waiting")
        shop.settle()
        page.get_by_text("It is yours").wait_for()  # the page looks by itself
        me.at("return-done")
        page.get_by_role("link", name="See the plan").click()
        page.get_by_text("$9.00 per month").wait_for()
        me.at("billing-paid")
        me.go("/billing/plans", "plans-paid")
        page.get_by_role("link", name="Change to Tier 3").click()
        page.get_by_text("Next invoice").first.wait_for()
        me.at("change-up")
        page.get_by_role("button", name="Change to Tier 3").click()
        page.get_by_text("Your plan is Tier 3 now.").wait_for()
        me.go(f"/billing/change?product=shop&price={year['id']}", "change-down")
        page.get_by_role("button", name="Change to Tier 2").click()
        page.get_by_text("The plan will change").wait_for()
        me.at("billing-planned")
        me.go("/billing/plans", "plans-planned")
        page.get_by_role("button", name="Keep the plan as it is").click()
        page.get_by_text("Your plan goes on as it is.").wait_for()
        page.get_by_role("link", name="Cancel…").click()
        page.get_by_text("What this means").wait_for()
        me.at("cancel")
        page.get_by_role("button", name="Cancel the plan").click()
        page.get_by_text("This plan is cancelled").wait_for()
        me.at("billing-cancelled")
        key = list(shop.stripe.objects["subscriptions"])[-1]
        shop.stripe.change("subscriptions", key, status="past_due", cancel_at_period_end=False)
        shop.tell(*shop.stripe.events[-1:])
        shop.settle()
        me.go("/billing", "billing-overdue")
        page.get_by_role("button", name="Check the card").click()
        page.get_by_role("heading", name="Cards and invoices").wait_for()
        assert not me.faults, "\n".join(me.faults)


def test_the_operators_pages(app: FastAPI, shop: Any, make_user: Any, tmp_path: Path) -> None:
    shop.stripe.offer("shop", "tier_9", 100)
    shop.tell(*shop.stripe.events)
    shop.settle()
    shop.subscribe(make_user("a-customer-with-a-long-name@example.com"))
    failed = shop.subscribe(make_user("second@example.com"), shop.big)
    with shop.host.database.session(shop.system) as session:
        user, _ = service.sign_up(session, "operator@example.com", PASSWORD)
        user.is_operator = True
        session.get_one(User, user.id)
    shop.stripe.away = True
    shop.stripe.change("subscriptions", failed)
    shop.tell(*shop.stripe.events[-1:])
    shop.settle()
    event = next(e["id"] for e in shop.stripe.events if e["type"].startswith("customer.sub"))
    with launched() as browser, served(app) as address:
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        me.sign_in("operator@example.com", PASSWORD)
        me.go("/admin/billing", "admin-billing")
        me.go("/admin/billing/events", "admin-billing-events")
        me.go(f"/admin/billing/events/{event}", "admin-billing-event")
        me.go("/admin/billing/events?search=nothing", "admin-billing-events-none")
        me.go("/admin/billing/customers", "admin-billing-customers")
        me.page.get_by_role("link", name="second@example.com").click()
        me.page.get_by_text("The last fetch failed").wait_for()
        me.at("admin-billing-customer")
        assert not me.faults, "\n".join(me.faults)


def test_without_stripe(app: FastAPI, host: Any, tmp_path: Path) -> None:
    from musekit.kernel.actors import Actor

    with host.database.session(Actor.system("tests")) as session:
        user, _ = service.sign_up(session, "ada@example.com", PASSWORD)
        user.is_operator = True
    with launched() as browser, served(app) as address:
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        me.go("/pricing", "off-pricing")
        me.sign_in("ada@example.com", PASSWORD)
        me.go("/billing", "off-billing")
        me.go("/billing/plans", "off-plans")
        me.go("/admin/billing", "off-admin-billing")
        assert not me.faults, "\n".join(me.faults)
