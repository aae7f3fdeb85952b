"""What a plan allows: so many answers a day, so much money a month, and never one more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from musekit.ai import opening, prices, service
from musekit.ai.models import AICallRecord
from musekit.ai.plugin import _sweep
from musekit.declarations import Product, Tier
from musekit.errors import LimitReachedError, UnavailableError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import db_after, utc_now
from musekit.kernel.queue.jobs import JobRun
from musekit.kernel.registry import Contribution
from musekit.products import usage
from musekit.products.models import UsageCounter, UsageReservation
from musekit.providers import Usage
from musekit.testing.plans import grant

SYSTEM = Actor.system("tests")
SHOP = "shop"


def test_the_day_has_an_end(lab: Any) -> None:
    lab.set_up("anthropic")
    for _ in range(5):
        service.complete(lab.host, lab.actor, lab.call())
    with pytest.raises(LimitReachedError, match="5 AI answers a day") as told:
        service.complete(lab.host, lab.actor, lab.call())
    assert told.value.extra["limit"] == "ai_per_day"
    assert told.value.extra["upgrade"]["tier"] == "tier_2"
    assert told.value.extra["upgrade_url"]
    assert len(lab.models.asked) == len(lab.rows()) == 5  # no model was asked, no row is left
    grant(lab.host, lab.user.space_id, SHOP, "tier_2")
    service.complete(lab.host, lab.actor, lab.call())


def test_100_at_once_before_the_end_of_the_day(lab: Any) -> None:
    lab.set_up("anthropic")
    for _ in range(4):
        service.complete(lab.host, lab.actor, lab.call())

    def ask(_: int) -> str:
        try:
            return service.complete(lab.host, lab.actor, lab.call()).text
        except LimitReachedError:
            return ""

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(100)))
    assert sorted(answers)[-2:] == ["", lab.models.text]
    assert len(lab.models.asked) == 5
    assert lab.counts()["ai"] == (5, 0)


def test_the_month_has_an_end_in_money(lab: Any) -> None:
    lab.set_up("openai")
    with lab.host.database.session(SYSTEM) as session:
        month = usage.periods("UTC", utc_now())[1]
        session.add(
            UsageCounter(
                space_id=lab.user.space_id, product=SHOP, metric="ai_micros", period=month,
                used=100_000 - 1_500, reserved=0,
            )
        )  # fmt: skip
    with pytest.raises(LimitReachedError, match=r"\$0.10 of \$0.10") as told:
        service.complete(lab.host, lab.actor, lab.call(max_tokens=1000))  # may cost 10,000 micros
    assert told.value.extra["limit"] == "ai_micros_per_month"
    assert "ai" not in lab.counts()  # all of it, or nothing
    found = service.complete(lab.host, lab.actor, lab.call(max_tokens=100))
    assert found.cost_micros is not None
    assert lab.counts()["ai_micros"] == (100_000 - 1_500 + found.cost_micros, 0)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_an_unknown_price_counts_nothing_and_is_said(lab: Any) -> None:
    lab.set_up("compatible", prices={})
    found = service.complete(lab.host, lab.actor, lab.call())
    assert found.cost_micros is None
    assert lab.rows()[0].cost_micros is None
    assert lab.counts() == {"ai": (1, 0)}


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_product_that_names_no_limit_has_none_of_it(lab: Any) -> None:
    lab.set_up("openai")
    tier = Tier(product="plain", key="tier_1", label="Plain", rank=1, limits={"things": 3})
    product = Product(key="plain", name="Plain", summary="", home="/dashboard")
    lab.host.registry.frozen = False
    lab.host.registry.accept("acme", Contribution({"products": [product], "tiers": [tier]}))
    lab.host.registry.frozen = True
    with pytest.raises(LimitReachedError, match="Plain allows 0 AI answers a day"):
        service.complete(lab.host, lab.actor, replace(lab.call(), product="plain"))
    assert lab.models.asked == []


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_failure_gives_back(lab: Any) -> None:
    lab.set_up("openai", retries=0)
    for _ in range(10):
        lab.models.faults.append("500")
        with pytest.raises(UnavailableError):
            service.complete(lab.host, lab.actor, lab.call())
    assert lab.counts() == {"ai": (0, 0), "ai_micros": (0, 0)}


def test_a_killed_process_leaves_nothing_open_for_ever(lab: Any) -> None:
    lab.set_up("openai")
    opening.begin(lab.host, lab.actor, lab.call(), offline=None, space_id=None)  # and no more
    assert lab.counts()["ai"] == (0, 1)
    with lab.host.database.session(SYSTEM) as session:
        session.execute(update(AICallRecord).values(started_at=db_after(-opening.LOST_AFTER - 1)))
        session.execute(update(UsageReservation).values(expires_at=db_after(-1)))
    _sweep(JobRun(host=lab.host, name="ai-sweep", ids={}, attempt=1))
    with lab.host.database.session(SYSTEM) as session:
        usage.sweep(session)
    [row] = lab.rows()
    assert (row.state, row.error_class) == ("cut", "Lost")
    assert lab.counts()["ai"] == (0, 0)


PUBLISHED = [
    ("openai", "gpt-5.4-mini", Usage(1_000_000, 1_000_000), 5_250_000),
    ("anthropic", "claude-haiku-4-5", Usage(1_000_000, 1_000_000), 6_000_000),
    ("xai", "grok-4-fast-non-reasoning", Usage(100_000, 1), 20_001),
    ("openai", "no-such-model", Usage(10, 10), None),
    ("compatible", "gpt-5.4-mini", Usage(10, 10), None),
]


@pytest.mark.parametrize(("provider", "model", "used", "micros"), PUBLISHED)
def test_published_prices(provider: str, model: str, used: Usage, micros: int | None) -> None:
    assert prices.cost_micros(provider, model, used, {}) == micros
    assert prices.cost_micros(provider, model, Usage(3, 1), {model: (0.5, 1.5)}) == 3
