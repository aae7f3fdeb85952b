"""A host with one product of three tiers, and no other plugin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from musekit.declarations import Limit, Product, Tier
from musekit.kernel.build import build_host
from musekit.kernel.host import Host
from musekit.kernel.registry import Contribution

PRODUCT = "things"
TIERS = tuple(
    Tier(
        product=PRODUCT, key=f"tier_{rank}", label=label, rank=rank,
        limits={"made_per_day": most, "made_per_month": None if most is None else 5 * most},
    )
    for rank, (label, most) in enumerate((("Free", 5), ("More", 20), ("All", None)), 1)
)  # fmt: skip


@pytest.fixture
def host(settings: Any) -> Iterator[Host]:
    made = build_host(settings, plugins=["musekit"], strict=True)
    made.registry.frozen = False
    made.registry.accept("musekit", Contribution(items={
        "products": [Product(
            key=PRODUCT, name="Things", summary="", home="/dashboard", settings_key="thingModule",
            limits=(
                Limit(key="made_per_day", label="Made a day", metric="made", period="day"),
                Limit(key="made_per_month", label="Made a month", metric="made", period="month"),
            ),
        )],
        "tiers": list(TIERS),
    }))  # fmt: skip
    made.registry.frozen = True
    yield made
    made.close()
