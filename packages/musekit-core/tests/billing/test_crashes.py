"""A worker that dies, or freezes, between Stripe's answer and our writing it down."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import update
from tests.support.stripe_double.app import HOOK, KEY

from musekit.audit.models import AuditEntry
from musekit.billing import fetching, sync, telling
from musekit.billing.models import BillingCustomer

#: Fetches, and dies where the mirror would be written; with a unit of work open.
DIES = """
import os
from musekit.billing import mirror, sync, telling
from musekit.declarations import Product, Tier
from musekit.kernel.build import build_host
from musekit.kernel.registry import Contribution
from musekit.kernel.serving import prepare

host = build_host(prepare(), plugins=["musekit"])
host.registry.frozen = False
host.registry.accept("musekit", Contribution({
    "products": [Product(key="shop", name="Shop", summary="", home="/dashboard")],
    "tiers": [Tier(product="shop", key=f"tier_{n}", label="", rank=n, limits={}) for n in (1, 2)],
}))
host.registry.frozen = True
mirror.put_subscriptions = lambda *_: os._exit(9)
sync.drain(host)
"""


@pytest.fixture
def bought(shop: Any, make_user: Any) -> Any:
    """Somebody who has paid; Stripe has told of it, and nothing was fetched."""
    ada = make_user()
    shop.buy(ada)
    shop.stripe.complete(next(iter(shop.stripe.objects["sessions"])))
    shop.tell()
    return ada


def process(shop: Any, code: str) -> int:
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
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, timeout=120, check=False
    ).returncode


def lease_is_over(shop: Any) -> None:
    with shop.host.database.session(shop.system) as session:
        session.execute(update(BillingCustomer).values(sync_until=None))


def test_killed_after_the_fetch_nothing_is_lost(shop, bought) -> None:
    assert process(shop, DIES) == 9
    asked = [each for each in shop.stripe.ledger if each.path == "subscriptions"]
    assert len(asked) == 1  # it had been told
    assert shop.customer.sync_done < shop.customer.sync_requested
    assert shop.tier(bought.space_id) == "tier_1"
    assert sync.drain(shop.host) == 0  # its lease holds still
    lease_is_over(shop)
    assert sync.drain(shop.host) == 1
    assert shop.tier(bought.space_id) == "tier_2"
    assert [each.template for each in shop.mails()] == ["subscription-changed"]


def test_killed_before_plugins_are_told_they_are_told_later(shop, bought, told) -> None:
    assert process(shop, DIES.replace("mirror.put_subscriptions", "telling.tell")) == 9
    assert shop.tier(bought.space_id) == "tier_2"
    assert sync.drain(shop.host) == 0
    assert told == []
    assert telling.leftovers(shop.host) == 1
    assert told == [("shop", [bought.space_id], "tier_1", "tier_2")]
    assert telling.leftovers(shop.host) == 0
    assert len(told) == 1


def test_killed_while_it_is_noted_that_all_is_told(shop, bought, told) -> None:
    assert process(shop, DIES.replace("mirror.put_subscriptions", "telling._write")) == 9
    assert telling.leftovers(shop.host) == 1
    assert telling.leftovers(shop.host) == 0
    assert told == [("shop", [bought.space_id], "tier_1", "tier_2")]
    noted = [each for each in shop.rows(AuditEntry) if each.action == "subscription.changed"]
    assert len(noted) == 1


def test_frozen_past_its_lease_it_writes_nothing_old(shop, bought, monkeypatch) -> None:
    fetch = fetching.subscriptions
    [key] = shop.stripe.objects["subscriptions"]
    woken: list[str] = []

    def slow(*asked: Any) -> list[fetching.Row]:
        found = fetch(*asked)
        if not woken:  # meanwhile the plan is changed, and another worker sees that
            woken.append("once")
            shop.stripe.change("subscriptions", key, items=[{"price": shop.big["id"]}])
            shop.tell(*shop.stripe.events[-1:])
            lease_is_over(shop)
            assert sync.drain(shop.host) == 1
        return found

    monkeypatch.setattr(fetching, "subscriptions", slow)
    assert sync.drain(shop.host) == 0
    assert woken
    assert shop.tier(bought.space_id) == "tier_3"


def test_what_is_told_of_during_a_fetch_is_fetched_after_it(shop, bought, monkeypatch) -> None:
    fetch = fetching.subscriptions
    [key] = shop.stripe.objects["subscriptions"]
    fetched: list[int] = []

    def slow(*asked: Any) -> list[fetching.Row]:
        found = fetch(*asked)
        if not fetched:
            shop.stripe.change("subscriptions", key, items=[{"price": shop.big["id"]}])
            shop.tell(*shop.stripe.events[-1:])
        fetched.append(len(found))
        return found

    monkeypatch.setattr(fetching, "subscriptions", slow)
    assert sync.drain(shop.host) == 2
    assert shop.tier(bought.space_id) == "tier_3"
    assert "received" not in shop.states or shop.settle() is None


def test_webhooks_that_never_came_are_made_up_for(shop, bought) -> None:
    from datetime import timedelta

    from musekit.billing import leftovers
    from musekit.kernel.database.types import utc_now

    sync.drain(shop.host)
    [key] = shop.stripe.objects["subscriptions"]
    shop.stripe.change("subscriptions", key, status="canceled")
    assert leftovers.refresh(shop.host) == 0
    with shop.host.database.session(shop.system) as session:
        session.execute(update(BillingCustomer).values(synced_at=utc_now() - timedelta(hours=25)))
    assert leftovers.refresh(shop.host) == 1
    assert leftovers.refresh(shop.host) == 0
    sync.drain(shop.host)
    assert shop.tier(bought.space_id) == "tier_1"
