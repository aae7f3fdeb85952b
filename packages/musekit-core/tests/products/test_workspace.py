"""A core alone has plans: what stands in for a product, until there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from musekit.declarations import Product, Tier
from musekit.kernel.actors import Actor
from musekit.kernel.build import build_host
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.kernel.registry import Contribution
from musekit.organizations import service as organizations
from musekit.products import tiers
from musekit.testing.pytest_plugin import SignedIn


@pytest.fixture
def host(settings: Any) -> Iterator[Host]:
    made = build_host(settings, plugins=[], strict=True)
    yield made
    made.close()


def test_a_core_alone_has_a_plan(host: Host, app: Any, make_user: Callable[..., SignedIn]) -> None:
    ada = make_user()
    (plan,) = ada.client.get("/api/usage").json()["items"]
    assert (plan["product"], plan["tier"], plan["source"]) == ("workspace", "tier_1", "default")
    assert [(each["limit"], each["used"]) for each in plan["limits"]] == [
        ("spaces", None), ("members", None), ("ai_per_day", 0),
    ]  # fmt: skip
    assert plan["upgrade"]["tier"] == "tier_2"
    with host.database.session(Actor.system("test")) as session:
        made, space = organizations.create(session, ada.user_id, "Crew")
        organizations.add_space(session, made.id, "Second")
        ids = space.id
    found = tiers.resolve(host, "workspace", ids)
    counted = {each.key: each.count(host, ids) for each in host.registry.products[0].limits
               if each.count is not None}  # fmt: skip
    assert found.tier.limits["spaces"] == 3
    assert counted == {"spaces": 2, "members": 1}


def test_it_steps_back_for_a_product(host: Host) -> None:
    registry = host.registry
    assert [each.key for each in registry.products] == ["workspace"]
    assert {each.product for each in registry.tiers} == {"workspace"}
    registry.frozen = False
    registry.accept("musekit", Contribution(items={
        "products": [Product(key="things", name="Things", summary="", home="/")],
        "tiers": [Tier(product="things", key="tier_1", label="Free", rank=1, limits={})],
    }))  # fmt: skip
    registry.frozen = True
    assert [each.key for each in registry.products] == ["things"]
    assert [(each.product, each.key) for each in registry.tiers] == [("things", "tier_1")]
    with pytest.raises(LookupError):
        tiers.resolve(host, "workspace", new_id())
