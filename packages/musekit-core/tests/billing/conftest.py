"""A host that sells by the double of Stripe, with two plans on sale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select
from tests.support.stripe_double import StripeDouble
from tests.support.stripe_double.app import HOOK, KEY

from musekit.billing import leftovers, sync
from musekit.billing.models import BillingCustomer, StripeEvent
from musekit.billing.settings import BillingSettings
from musekit.declarations import Product, Tier
from musekit.email.models import OutboxMail
from musekit.kernel.actors import Actor
from musekit.kernel.build import build_host
from musekit.kernel.database.session import Database
from musekit.kernel.host import Host
from musekit.kernel.registry import Contribution
from musekit.products import tiers

SYSTEM = Actor.system("tests")
SHOP = "shop"
MAILS = ("subscription-changed", "payment-failed", "trial-ending")


@pytest.fixture
def stripe() -> Iterator[StripeDouble]:
    with StripeDouble.running() as double:
        yield double


@pytest.fixture
def host(settings: Any) -> Iterator[Host]:
    """A host of the core alone, with one product of three tiers."""
    made = build_host(settings, plugins=["musekit"], strict=True)
    tiers_of = [
        Tier(product=SHOP, key=f"tier_{n}", label=f"Tier {n}", rank=n, limits={"things": n})
        for n in (1, 2, 3)
    ]
    product = Product(key=SHOP, name="Shop", summary="", home="/dashboard")
    made.registry.frozen = False
    made.registry.accept("musekit", Contribution({"products": [product], "tiers": tiers_of}))
    made.registry.frozen = True
    yield made
    made.close()


@dataclass
class Shop:
    """What a test of billing does."""

    host: Any
    client: Any
    stripe: StripeDouble
    basic: dict[str, Any]
    big: dict[str, Any]
    system: Actor = SYSTEM

    def tell(self, *events: dict[str, Any], **how: Any) -> list[httpx.Response]:
        """Deliver events of the double to the webhook, signed."""
        answers = []
        for event in events or self.stripe.events:
            body, headers = self.stripe.delivery(event, **how)
            answers.append(
                self.client.post("/api/billing/stripe/webhook", content=body, headers=headers)
            )
        return answers

    def settle(self) -> None:
        """Run the jobs, as a worker does."""
        leftovers.settle(self.host)
        sync.drain(self.host)

    def tier(self, space_id: UUID) -> str:
        return tiers.resolve(self.host, SHOP, space_id, fresh=True).tier.key

    def buy(self, user: Any, price: dict[str, Any] | None = None) -> httpx.Response:
        wanted = {"product": SHOP, "price": (price or self.basic)["id"]}
        return user.client.post("/api/billing/checkout", json=wanted)

    def rows(self, model: Any) -> list[Any]:
        database: Database = self.host.database
        with database.session(SYSTEM, readonly=True) as session:
            found = list(session.scalars(select(model).order_by(model.id)))
            session.expunge_all()
            return found

    def set(self, **settings: Any) -> None:
        """Set some of the settings of billing."""
        now = self.host.settings_of(BillingSettings)
        self.host.sections[BillingSettings] = now.model_copy(update=settings)

    def subscribe(self, user: Any, price: dict[str, Any] | None = None) -> str:
        """Let somebody buy, pay, and be told; return the subscription's id."""
        answer = self.buy(user, price)
        assert answer.status_code == 201, answer.text
        key: str = self.stripe.complete(list(self.stripe.objects["sessions"])[-1])["id"]
        self.tell()
        self.settle()
        return key

    def mails(self, template: str = "") -> list[OutboxMail]:
        found = self.rows(OutboxMail)
        return [each for each in found if each.template == template or (
            not template and each.template in MAILS)]  # fmt: skip

    @property
    def customer(self) -> BillingCustomer:
        [found] = self.rows(BillingCustomer)
        return found  # type: ignore[no-any-return]

    @property
    def states(self) -> set[str]:
        return {each.state for each in self.rows(StripeEvent)}


@pytest.fixture
def shop(host, client, stripe) -> Shop:
    """A deployment that sells two of the tiers."""
    address = httpx.URL(stripe.url)
    host.outbound.allow(address.host, address.port)
    host.sections[BillingSettings] = BillingSettings(
        stripe_secret_key=SecretStr(KEY), stripe_webhook_secrets=SecretStr(f"whsec_old,{HOOK}"),
        stripe_url=stripe.url,
    )  # fmt: skip
    made = Shop(
        host, client, stripe,
        basic=stripe.offer(SHOP, "tier_2", 900), big=stripe.offer(SHOP, "tier_3", 2900),
    )  # fmt: skip
    sync.catalogue(host)
    return made


@pytest.fixture
def told(host, monkeypatch) -> list[tuple]:
    """What plugins were told of changed subscriptions."""
    heard: list[tuple] = []
    monkeypatch.setattr(
        host.registry.hooks, "on_subscription_changed",
        lambda **said: heard.append(
            (said["product"], said["space_ids"], said["before"], said["after"])
        ),
    )  # fmt: skip
    return heard
