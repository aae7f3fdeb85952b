"""The operator's pages of billing, and the same by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import update
from tests.support.stripe_double.app import HOOK, KEY

from musekit.audit.models import AuditEntry
from musekit.auth.models import User
from musekit.billing import leftovers, state
from musekit.billing.models import BillingCustomer, StripeEvent
from musekit.kernel.database.types import utc_now

from .test_pages import Browser


@pytest.fixture
def operator(shop, make_user):
    made = make_user("operator@example.com")
    with shop.host.database.session(shop.system) as session:
        session.get_one(User, made.user_id).is_operator = True
    return Browser(made)


def acts(shop):
    return {each.action for each in shop.rows(AuditEntry)}


def test_how_it_stands_and_what_is_on_sale(shop, operator, make_user) -> None:
    shop.stripe.offer("gone", "tier_2", 100)
    shop.stripe.offer("shop", "tier_9", 100)
    shop.stripe.new("prices", product=shop.basic["product"], unit_amount=5)
    answer = operator.send("/admin/billing/sync")
    assert answer.status_code == 303
    page = operator.get("/admin/billing")
    assert "Fetched: 5 prices." in page
    assert "test: no money moves" in page
    assert "is of “gone”, which is not installed" in page
    assert "names the tier “tier_9”, which nobody defines" in page
    assert "names no tier (muse_tier)" in page
    assert page.count(" for sale") == 5
    assert KEY not in page
    assert HOOK not in page


def test_an_event_is_found_and_done_once_more(shop, operator, make_user) -> None:
    ada = make_user("ada@example.com")
    key = shop.subscribe(ada)
    event = next(e for e in shop.stripe.events if e["type"] == "customer.subscription.created")
    page = operator.get("/admin/billing/events?search=subscription.created")
    assert event["id"] in page
    assert "price.created" not in page
    assert "No events" in operator.get("/admin/billing/events?state=failed")
    # Changed at Stripe, and its event never came.
    shop.stripe.change("subscriptions", key, items=[{"price": shop.big["id"]}])
    answer = operator.send(f"/admin/billing/events/{event['id']}/replay")
    assert answer.status_code == 303
    page = operator.get(f"/admin/billing/events/{event['id']}")
    assert "It is done once more" in page
    shop.settle()
    assert shop.tier(ada.space_id) == "tier_3"
    assert "Done" in operator.get(f"/admin/billing/events/{event['id']}")
    assert "billing.replayed" in acts(shop)
    operator.get("/admin/billing/events/evt_none", 404)


def test_an_event_that_is_no_concern_is_not_replayed(shop, operator) -> None:
    odd = {**shop.stripe.events[0], "id": "evt_odd", "type": "radar.early_fraud_warning.created"}
    shop.tell(odd)
    operator.send("/admin/billing/events/evt_odd/replay")
    assert "There is nothing to do once more" in operator.get("/admin/billing/events/evt_odd")


def test_customers_and_how_fresh_they_are(shop, operator, make_user) -> None:
    ada = make_user("ada@example.com")
    shop.subscribe(ada)
    page = operator.get("/admin/billing/customers?search=ada@")
    assert "ada@example.com" in page
    assert "shop tier_2 active" in page
    assert "No customers" in operator.get("/admin/billing/customers?search=nobody")
    assert "No customers" in operator.get("/admin/billing/customers?state=failing")
    here = f"/admin/billing/customers/{shop.customer.id}"
    assert "$9.00 / month" in operator.get(here)
    shop.stripe.away = True
    operator.send(f"{here}/sync")
    shop.settle()
    assert "The last fetch failed" in operator.get(here)
    assert "ada@example.com" in operator.get("/admin/billing/customers?state=failing")
    assert state.health(shop.host).status == "warn"
    assert "billing.fetched" in acts(shop)


def test_of_those_who_are_gone_the_books_stay(shop, operator, make_user) -> None:
    shop.subscribe(make_user("ada@example.com"))
    with shop.host.database.session(shop.system) as session:
        session.execute(update(BillingCustomer).values(user_id=None, email=""))
    assert "gone" in operator.get("/admin/billing/customers")
    assert "kept for the books" in operator.get(f"/admin/billing/customers/{shop.customer.id}")


@pytest.mark.parametrize("path", ["", "/events", "/customers"])
def test_people_have_no_business_there(shop, make_user, path) -> None:
    Browser(make_user()).get(f"/admin/billing{path}", 403)


def test_health_says_what_is_missing(shop) -> None:
    assert state.health(shop.host).status == "ok"
    shop.set(stripe_webhook_secrets=None)
    found = state.health(shop.host)
    assert (found.status, "/api/billing/stripe/webhook" in found.advice) == ("warn", True)
    shop.set(stripe_secret_key=None)
    assert state.health(shop.host).status == "ok"


def test_old_events_are_swept_away(shop, make_user) -> None:
    shop.subscribe(make_user())
    assert leftovers.sweep(shop.host) == 0
    with shop.host.database.session(shop.system) as session:
        session.execute(
            update(StripeEvent).values(received_at=utc_now() - timedelta(days=91))
        )  # fmt: skip
    assert leftovers.sweep(shop.host) == len(shop.stripe.events)


@pytest.fixture
def run(shop):
    core = shop.host.settings
    given = {
        "MUSEKIT_MODE": "test", "MUSEKIT_DATA_DIR": str(core.data_dir),
        "MUSEKIT_DATABASE_URL": core.database_url,
        "MUSEKIT_DATABASE_SYSTEM_URL": core.database_system_url,
        "MUSEKIT_DATABASE_OWNER_URL": core.database_owner_url,
        "MUSEKIT_BILLING_STRIPE_SECRET_KEY": KEY, "MUSEKIT_BILLING_STRIPE_WEBHOOK_SECRETS": HOOK,
        "MUSEKIT_BILLING_STRIPE_URL": shop.stripe.url,
        "MUSEKIT_OUTBOUND_ALLOW": f'["{shop.stripe.url.removeprefix("http://")}"]',
    }  # fmt: skip
    environment = {key: value for key, value in os.environ.items() if "MUSEKIT" not in key}
    environment |= {key: value for key, value in given.items() if value}

    def start(*words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "musekit.cli", "billing", *words], env=environment,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return start


def test_the_command_line_fetches_and_replays(shop, run, make_user) -> None:
    ada = make_user("ada@example.com")
    key = shop.subscribe(ada)
    found = json.loads(run("status", "--json").stdout)
    assert (found["configured"], found["customers"], found["subscriptions"]) == (
        True, 1, {"active": 1},
    )  # fmt: skip
    assert KEY not in run("status").stdout
    listed = json.loads(run("events", "--json").stdout)
    assert len(listed) == len(shop.stripe.events)
    shop.stripe.change("subscriptions", key, items=[{"price": shop.big["id"]}])
    said = json.loads(run("sync", "ada@example.com", "--json").stdout)
    assert (said["prices"], said["fetched"]) == (2, 1)
    assert shop.tier(ada.space_id) == "tier_3"
    shop.stripe.change("subscriptions", key, items=[{"price": shop.basic["id"]}])
    event = next(e["id"] for e in shop.stripe.events if e["type"].startswith("customer.sub"))
    said = json.loads(run("replay", event, "--json").stdout)
    assert said == {
        "events": [{"id": event, "type": "customer.subscription.created", "state": "done"}],
        "fetched": 1,
    }
    assert shop.tier(ada.space_id) == "tier_2"
    assert json.loads(run("sync", "--all", "--json").stdout)["fetched"] == 1
    assert "no such event" in run("replay", "evt_none", status=1).stderr
    assert "no customer" in run("sync", "cus_none", status=1).stderr
    shop.stripe.away = True
    assert "Stripe cannot be reached" in run("sync", status=1).stderr
