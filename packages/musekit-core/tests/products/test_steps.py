"""The chain beside a model of it: every pair of what each step may find."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from sqlalchemy import delete, select

from musekit.billing.models import BillingCustomer, BillingSubscription
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.organizations.models import OrganizationSettings
from musekit.products import grants, service, tiers
from musekit.products.models import ProductGrant
from musekit.products.owners import Owner
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("test")
PRODUCT = "things"
#: What the operator defines: a tier less, one more, and a limit that no tier names.
OWN = {"tier_1": {"made_per_day": 2}, "gold": {"made_per_day": None}}
BUILT_IN = {
    "tier_1": {"made_per_day": 5, "made_per_month": 25},
    "tier_2": {"made_per_day": 20, "made_per_month": 100},
    "tier_3": {"made_per_day": None, "made_per_month": None},
}


class Given(NamedTuple):
    """What each source says: a grant, a plugin, a subscription (tier, status), definitions."""

    grant: str | None
    plugin: str | None
    subscription: tuple[str | None, str] | None
    definitions: str


EVERY = [
    Given(*each)
    for each in itertools.product(
        (None, "tier_2", "gold", "tier_9"),
        (None, "tier_3"),
        (None, ("tier_2", "active"), ("gold", "trialing"), ("tier_3", "canceled"),
         (None, "active"), ("tier_9", "active")),
        ("none", "own", "broken"),
    )
]  # fmt: skip


def expected(given: Given) -> tuple[str, str, dict[str, int | None]]:
    """Return tier, source and limits as the reference says it (its six steps)."""
    value, source = given.grant or given.plugin, "registry"  # 1
    if value is None and given.subscription and given.subscription[1] in ("active", "trialing"):
        value, source = given.subscription[0], "stripe"  # 2
    defined: Any = OWN if given.definitions == "own" else BUILT_IN  # 3
    if value not in defined:  # 4
        value, source = "tier_1", "default"  # 6
    return value, source, defined[value]  # 5


def arrange(host: Host, user: SignedIn, given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.registry.hooks, "ask_tier", lambda **told: given.plugin)
    with host.database.session(SYSTEM) as session:
        for model in (ProductGrant, BillingSubscription, BillingCustomer):
            session.execute(delete(model))
        if given.grant:
            grants.give(session, Owner(user.user_id), PRODUCT, given.grant)
        if given.subscription:
            customer = BillingCustomer(id=new_id(), user_id=user.user_id, email="pay@example.com")
            session.add(customer)
            session.flush()
            tier, status = given.subscription
            session.add(BillingSubscription(
                id=f"sub_{new_id().hex}", customer_id=customer.id, product=PRODUCT, tier=tier,
                status=status, price_id="price_1", currency="usd", interval="month",
                stripe_created=utc_now(),
            ))  # fmt: skip
        row = session.scalars(
            select(OrganizationSettings).where(OrganizationSettings.scope == "operator")
        ).one()
        row.settings = {
            "none": {},
            "own": {"thingModule": {"tierDefinitions": {
                key: {"rank": rank, "limits": limits}
                for rank, (key, limits) in enumerate(OWN.items())
            }}},
            "broken": {"thingModule": {"tierDefinitions": [{"key": "tier_1", "limits": 7}]}},
        }[given.definitions]  # fmt: skip


def test_every_pair_of_sources(
    host: Host, make_user: Callable[..., SignedIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = make_user()
    sources = set()
    for given in EVERY:
        arrange(host, ada, given, monkeypatch)
        found = tiers.resolve(host, PRODUCT, ada.space_id)
        tier, source, limits = expected(given)
        assert (found.tier.key, found.source) == (tier, source), given
        allowed = tiers.allowance(host, PRODUCT, ada.space_id)
        for name in ("made_per_day", "made_per_month", "unheard_of"):
            assert allowed.limit(name) == limits.get(name, 0), (given, name)
        assert [step.n for step in found.steps] == [1, 2, 3, 4, 5, 6]
        answers = [step.found is not None for step in found.steps]
        assert answers[0] == bool(given.grant or given.plugin), given
        assert answers[1] == (not answers[0] and source == "stripe" or _unknown(given)), given
        assert answers[3:] == [source != "default"] * 2 + [source == "default"], given
        sources.add((tier, source))
    assert len(EVERY) == 144
    assert len(sources) == 6  # each way to each tier was gone


def _unknown(given: Given) -> bool:
    """True where step 2 has found a tier that nobody defines."""
    live = given.subscription and given.subscription[1] in ("active", "trialing")
    return bool(
        not (given.grant or given.plugin) and live and given.subscription[0]  # type: ignore[index]
        and expected(given)[1] == "default"
    )  # fmt: skip


def test_pages_and_commands_show_these_same_steps(
    host: Host, app: Any, make_user: Callable[..., SignedIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = make_user()
    arrange(host, ada, Given("tier_2", None, ("tier_3", "active"), "none"), monkeypatch)
    (decision,) = tiers.explain(host, ada.user_id)
    shown = [each.model_dump() for each in service.steps(decision)]
    told = ada.client.get("/api/usage").json()["items"][0]
    assert told["steps"] == json.loads(json.dumps(shown))
    assert (told["tier"], told["source"]) == ("tier_2", "registry")
