"""The core alone with one product, and model services on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import select
from tests.support.ai_double import KEY, AIDouble

from musekit.ai.models import AICallRecord
from musekit.ai.settings import AISettings
from musekit.declarations import Limit, Product, Tier
from musekit.kernel.actors import Actor
from musekit.kernel.build import build_host
from musekit.kernel.host import Host
from musekit.kernel.registry import Contribution
from musekit.kernel.settings import CoreSettings
from musekit.products.models import UsageCounter
from musekit.providers import AICall, Message

SYSTEM = Actor.system("tests")
SHOP = "shop"
#: Dollars per million tokens of the model of these tests; a token read costs 2 micros.
PRICES = {"house-model": (2.0, 10.0)}


@pytest.fixture
def models() -> Iterator[AIDouble]:
    with AIDouble.running() as double:
        yield double


@pytest.fixture
def host(settings: CoreSettings) -> Iterator[Host]:
    made = build_host(settings, plugins=["musekit"], strict=True)
    limits = {"ai_per_day": 5, "ai_micros_per_month": 100_000}
    tiers = [
        Tier(product=SHOP, key="tier_1", label="Starter", rank=1, limits=limits),
        Tier(
            product=SHOP,
            key="tier_2",
            label="Growth",
            rank=2,
            limits={"ai_per_day": None, "ai_micros_per_month": None},
        ),
    ]
    product = Product(
        key=SHOP, name="Shop", summary="", home="/dashboard",
        limits=[Limit(key="ai_per_day", label="AI answers a day", metric="ai", period="day")],
    )  # fmt: skip
    made.registry.frozen = False
    made.registry.accept("musekit", Contribution({"products": [product], "tiers": tiers}))
    made.registry.frozen = True
    yield made
    made.close()


@dataclass
class Lab:
    """What a test of the models does."""

    host: Host
    models: AIDouble
    user: Any

    @property
    def actor(self) -> Actor:
        return Actor(
            kind="user", name="tests", user_id=self.user.user_id, space_id=self.user.space_id
        )

    def set_up(self, provider: str, **values: Any) -> None:
        """Have the settings name a service."""
        key = SecretStr(KEY)
        given: dict[str, Any] = {
            "provider": provider, "model": "house-model", "prices": PRICES, "retries": 2,
            "base_url": f"{self.models.url}/v1", "openai_url": f"{self.models.url}/v1",
            "xai_url": f"{self.models.url}/v1", "anthropic_url": self.models.url,
            "openai_api_key": key, "xai_api_key": key, "anthropic_api_key": key,
            "compatible_api_key": key, "timeout_seconds": 10, "first_token_seconds": 5,
        }  # fmt: skip
        self.host.sections[AISettings] = AISettings(**(given | values))

    def call(self, text: str = "Write about spring", **values: Any) -> AICall:
        messages = [
            Message(role="system", content="You write posts."),
            Message(role="user", content=text),
        ]
        return AICall(purpose="draft", product=SHOP, messages=messages, **values)

    def rows(self) -> list[AICallRecord]:
        """Return the ledger."""
        with self.host.database.session(SYSTEM, readonly=True) as session:
            found = session.scalars(select(AICallRecord).order_by(AICallRecord.started_at)).all()
            session.expunge_all()
            return list(found)

    def counts(self, space_id: UUID | None = None) -> dict[str, tuple[int, int]]:
        """Return metric → what is used and what is set aside."""
        with self.host.database.session(SYSTEM, readonly=True) as session:
            rows = session.scalars(
                select(UsageCounter).where(
                    UsageCounter.space_id == (space_id or self.user.space_id)
                )
            ).all()
            return {row.metric: (row.used, row.reserved) for row in rows}


@pytest.fixture
def lab(host: Host, make_user: Any, models: AIDouble) -> Lab:
    address = urlsplit(models.url)
    host.outbound.allow(address.hostname or "", address.port or 0)
    return Lab(host, models, make_user())
