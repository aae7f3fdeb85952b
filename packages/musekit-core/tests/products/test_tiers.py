"""Which tier a space has, step by step of the chain, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from musekit.billing.models import BillingCustomer, BillingSubscription
from musekit.errors import InvalidError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.organizations.models import Organization, OrganizationSettings
from musekit.products import grants, tiers, usage
from musekit.products.owners import Owner, owner_of, spaces_of
from musekit.spaces.models import Space
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("test")
PRODUCT = "things"
MakeUser = Callable[..., SignedIn]


@pytest.fixture
def ada(make_user: MakeUser) -> SignedIn:
    return make_user()


def tier_of(host: Host, user: SignedIn) -> tuple[str, str]:
    found = tiers.resolve(host, PRODUCT, user.space_id)
    assert [step.n for step in found.steps] == [1, 2, 3, 4, 5, 6]
    return found.tier.key, found.source


def step(host: Host, user: SignedIn, n: int) -> tiers.Step:
    return tiers.resolve(host, PRODUCT, user.space_id).steps[n - 1]


def give(host: Host, user: SignedIn, tier: str, **more: Any) -> None:
    with host.database.session(SYSTEM) as session:
        grants.give(session, Owner(user.user_id), PRODUCT, tier, **more)


def subscribe(host: Host, owner: Owner, tier: str | None, status: str = "active", **more: Any):
    now = utc_now()
    with host.database.session(SYSTEM) as session:
        customer = session.scalars(
            select(BillingCustomer).where(owner.owns(BillingCustomer))
        ).one_or_none()
        if customer is None:
            customer = BillingCustomer(
                id=new_id(), user_id=owner.user_id, organization_id=owner.organization_id,
                email="pay@example.com",
            )  # fmt: skip
            session.add(customer)
            session.flush()
        session.add(BillingSubscription(**{
            "id": f"sub_{new_id().hex}", "customer_id": customer.id, "product": PRODUCT,
            "tier": tier, "status": status, "price_id": "price_1", "currency": "usd",
            "interval": "month", "stripe_created": now, **more,
        }))  # fmt: skip


def define(host: Host, value: Any, *, scope: str = "operator", key: str = "thingModule") -> None:
    with host.database.session(SYSTEM) as session:
        row = session.scalars(
            select(OrganizationSettings).where(OrganizationSettings.scope == scope)
        ).one()
        row.settings = {key: {"tierDefinitions": value}}


def test_the_floor_is_the_default(host: Host, ada: SignedIn) -> None:
    assert tier_of(host, ada) == ("tier_1", "default")
    assert step(host, ada, 6).found == "tier_1"
    assert tiers.allowance(host, PRODUCT, ada.space_id).limit("made_per_day") == 5


def test_step_1_a_grant(host: Host, ada: SignedIn) -> None:
    give(host, ada, "tier_3", reason="A friend")
    assert tier_of(host, ada) == ("tier_3", "registry")
    assert "A friend" in step(host, ada, 1).note
    assert tiers.allowance(host, PRODUCT, ada.space_id).limit("made_per_day") is None
    assert tiers.allowance(host, PRODUCT, ada.space_id).upgrade is None
    with host.database.session(SYSTEM) as session:
        assert grants.take_back(session, Owner(ada.user_id), PRODUCT)
        assert not grants.take_back(session, Owner(ada.user_id), PRODUCT)
    assert tier_of(host, ada) == ("tier_1", "default")


def test_step_1_a_grant_has_its_time_and_its_product(host: Host, ada: SignedIn) -> None:
    give(host, ada, "tier_2", ends_at=utc_now() + timedelta(hours=1))
    assert tier_of(host, ada) == ("tier_2", "registry")
    with pytest.raises(InvalidError):
        give(host, ada, "tier_2", ends_at=utc_now() - timedelta(seconds=1))
    from musekit.products.models import ProductGrant

    for change in (
        {"ends_at": utc_now() - timedelta(seconds=1)},
        {"ends_at": None, "starts_at": utc_now() + timedelta(hours=1)},
        {"starts_at": utc_now() - timedelta(hours=1), "product": "other"},
    ):
        with host.database.session(SYSTEM) as session:
            session.execute(update(ProductGrant).values(change))
        assert tier_of(host, ada) == ("tier_1", "default")


def test_step_1_a_plugin(host: Host, ada: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.registry.hooks, "ask_tier", lambda **told: "tier_2")
    assert tier_of(host, ada) == ("tier_2", "registry")
    give(host, ada, "tier_3")  # what the operator gives comes before what a plugin says
    assert tier_of(host, ada) == ("tier_3", "registry")


@pytest.mark.parametrize(
    ("status", "since", "tier"),
    [
        ("active", None, "tier_2"), ("trialing", None, "tier_2"), ("past_due", 1, "tier_2"),
        ("past_due", 8, "tier_1"), ("past_due", None, "tier_1"), ("canceled", None, "tier_1"),
        ("unpaid", None, "tier_1"), ("incomplete", None, "tier_1"), ("paused", None, "tier_1"),
    ],
)  # fmt: skip
def test_step_2_a_subscription(
    host: Host, ada: SignedIn, status: str, since: int | None, tier: str
) -> None:
    late = None if since is None else utc_now() - timedelta(days=since)
    subscribe(host, Owner(ada.user_id), "tier_2", status, past_due_since=late)
    assert tier_of(host, ada) == (tier, "stripe" if tier == "tier_2" else "default")


def test_step_2_of_several_the_highest(host: Host, ada: SignedIn, make_user: MakeUser) -> None:
    for tier in ("tier_2", "tier_3", "tier_1", None):
        subscribe(host, Owner(ada.user_id), tier)
    subscribe(host, Owner(make_user().user_id), "tier_2")
    assert tier_of(host, ada) == ("tier_3", "stripe")


def test_step_2_needs_the_metadata_and_the_product(host: Host, ada: SignedIn) -> None:
    subscribe(host, Owner(ada.user_id), None)
    assert tier_of(host, ada) == ("tier_1", "default")
    assert "names no tier" in step(host, ada, 2).note
    subscribe(host, Owner(ada.user_id), "tier_3", product="other")
    assert tier_of(host, ada) == ("tier_1", "default")


def test_1_beats_2_also_downwards_and_also_when_nobody_defines_it(
    host: Host, ada: SignedIn
) -> None:
    subscribe(host, Owner(ada.user_id), "tier_3")
    give(host, ada, "tier_2")
    assert tier_of(host, ada) == ("tier_2", "registry")
    assert "not asked" in step(host, ada, 2).note
    give(host, ada, "tier_9")
    assert tier_of(host, ada) == ("tier_1", "default")
    assert "tier_9" in step(host, ada, 4).note


OWN = [
    {"key": "tier_1", "label": "Mine", "rank": 1, "limits": {"made_per_day": 2}},
    {"key": "gold", "label": "Gold", "rank": 2, "limits": {"made_per_day": None}},
]


def test_step_3_definitions_of_the_operator(host: Host, ada: SignedIn) -> None:
    define(host, OWN)
    assert tier_of(host, ada) == ("tier_1", "default")
    allowed = tiers.allowance(host, PRODUCT, ada.space_id)
    assert (allowed.limit("made_per_day"), allowed.limit("made_per_month")) == (2, 0)
    assert allowed.upgrade is not None
    assert allowed.upgrade.key == "gold"
    give(host, ada, "tier_3")  # they replace what is registered, as a whole
    assert tier_of(host, ada) == ("tier_1", "default")
    give(host, ada, "gold")
    assert tier_of(host, ada) == ("gold", "registry")
    as_mapping = {each["key"]: {k: v for k, v in each.items() if k != "key"} for each in OWN}
    define(host, as_mapping)
    assert tiers.definitions(host, PRODUCT) == tiers.definitions(host, PRODUCT)
    assert [each.key for each in tiers.definitions(host, PRODUCT)] == ["tier_1", "gold"]


@pytest.mark.parametrize(
    "raw",
    [
        [], {}, "tier_1", 7, [1], [{"label": "x"}], [{"key": 1}], [{"key": ""}],
        [{"key": "a", "rank": "high"}], [{"key": "a", "rank": True}], [{"key": "a", "label": 1}],
        [{"key": "a", "limits": []}], [{"key": "a", "limits": {"x": -1}}],
        [{"key": "a", "limits": {"x": 1.5}}], [{"key": "a", "limits": {"x": "9"}}],
        [{"key": "a", "limits": {"x": True}}], [{"key": "a"}, {"key": "a"}],
        [{"key": "a", "rank": 1}, {"key": "b", "rank": 1}], {"a": None},
    ],
)  # fmt: skip
def test_step_3_what_is_not_usable_counts_for_nothing(host: Host, ada: SignedIn, raw: Any) -> None:
    define(host, raw)
    assert tier_of(host, ada) == ("tier_1", "default")
    assert tiers.allowance(host, PRODUCT, ada.space_id).limit("made_per_day") == 5
    assert "not usable" in step(host, ada, 3).note


def test_step_3_no_organization_defines_its_own_tier(host: Host, ada: SignedIn) -> None:
    organization = new_id()
    with host.database.session(SYSTEM) as session:
        session.add(Organization(id=organization, name="o", slug="o"))
        session.flush()
        session.add(
            OrganizationSettings(scope=str(organization), organization_id=organization, settings={})
        )
        space = session.get_one(Space, ada.space_id)
        space.organization_id, space.personal_user_id = organization, None
    generous = [{"key": "tier_1", "label": "Free", "rank": 1, "limits": {"made_per_day": 10**6}}]
    define(host, generous, scope=str(organization))
    define(host, generous, key="things")  # the product's own key, which is not its settings key
    assert tiers.allowance(host, PRODUCT, ada.space_id).limit("made_per_day") == 5


def test_the_plan_of_an_organization_holds_in_its_spaces_only(
    host: Host, ada: SignedIn, make_user: MakeUser
) -> None:
    organization, client = new_id(), new_id()
    with host.database.session(SYSTEM) as session:
        session.add(Organization(id=organization, name="o", slug="o"))
        session.flush()
        session.add(Space(id=client, name="client", organization_id=organization))
        session.flush()
        assert owner_of(session, client) == Owner(None, organization)
        assert owner_of(session, ada.space_id) == Owner(ada.user_id)
        assert spaces_of(session, Owner(None, organization)) == [client]
        assert spaces_of(session, Owner(ada.user_id)) == [ada.space_id]
    subscribe(host, Owner(None, organization), "tier_3")
    give(host, ada, "tier_2")
    assert tiers.resolve(host, PRODUCT, client).tier.key == "tier_3"
    assert tier_of(host, ada) == ("tier_2", "registry")
    assert tier_of(host, make_user()) == ("tier_1", "default")


def test_a_space_that_is_gone_has_the_floor(host: Host) -> None:
    assert tiers.resolve(host, PRODUCT, new_id()).tier.key == "tier_1"
    with pytest.raises(LookupError):
        tiers.resolve(host, "nothing", new_id())
    assert host.registry.hooks.resolve_tier(host=host, product="nothing", space_id=new_id()) is None


def test_the_hook_asks_the_whole_chain(host: Host, ada: SignedIn) -> None:
    """An older product asks it directly."""
    subscribe(host, Owner(ada.user_id), "tier_3")
    ask = host.registry.hooks.resolve_tier
    assert ask(host=host, product=PRODUCT, space_id=ada.space_id) == "tier_3"


def test_many_spaces_are_asked_for_at_once(
    host: Host, ada: SignedIn, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A due batch of posts is of hundreds of spaces."""
    others = [make_user() for _ in range(3)]
    give(host, ada, "tier_2")
    subscribe(host, Owner(others[0].user_id), "tier_3")
    subscribe(host, Owner(others[1].user_id), "tier_2", product="other")
    asked = [ada.space_id, *(each.space_id for each in others), gone := new_id()]
    statements: list[str] = []
    event.listen(
        host.database.system, "before_cursor_execute",
        lambda *told: statements.append(told[2]) if "product_grants" in told[2] else None,
    )  # fmt: skip
    found = tiers.resolve_all(host, PRODUCT, asked)
    assert len(statements) == 1
    assert [found[each].tier.key for each in asked] == [
        "tier_2", "tier_3", "tier_1", "tier_1", "tier_1",
    ]  # fmt: skip
    assert found[ada.space_id].owner == Owner(ada.user_id)
    assert tiers.allowances(host, PRODUCT, asked)[gone].limit("made_per_day") == 5
    monkeypatch.setattr(tiers.sources, "AT_ONCE", 2)
    assert tiers.resolve_all(host, PRODUCT, asked) == found
    assert len(statements) == 1 + 1 + 3


def test_every_space_of_a_person_is_explained(host: Host, ada: SignedIn) -> None:
    told = tiers.explain(host, ada.user_id)
    assert [(each.product, each.space_id) for each in told] == [(PRODUCT, ada.space_id)]


def test_a_decision_is_kept_for_a_moment(host: Host, ada: SignedIn) -> None:
    host.settings.mode = "production"
    try:
        assert tier_of(host, ada) == ("tier_1", "default")
        give(host, ada, "tier_3")
        assert tier_of(host, ada) == ("tier_1", "default")
        assert tiers.resolve(host, PRODUCT, ada.space_id, fresh=True).tier.key == "tier_3"
        give(host, ada, "tier_2")
        tiers.forget(host, [ada.space_id])
        assert tier_of(host, ada) == ("tier_2", "registry")
    finally:
        host.settings.mode = "test"
    assert replace(tiers.resolve(host, PRODUCT, ada.space_id)).tier.key == "tier_2"


def test_the_space_is_told_its_plan_and_why(host: Host, app: Any, ada: SignedIn) -> None:
    told = ada.client.get("/api/usage").json()["items"]
    assert [(each["product"], each["tier"], each["source"]) for each in told] == [
        (PRODUCT, "tier_1", "default")
    ]
    assert [each["step"] for each in told[0]["steps"]] == [1, 2, 3, 4, 5, 6]
    assert told[0]["upgrade"] == {"tier": "tier_2", "label": "More", "url": "/billing/plans"}
    day = datetime.now(UTC).date().isoformat()
    with host.database.session(SYSTEM) as session:
        usage.take(
            session, ada.space_id, PRODUCT, [usage.Take("made", "made_per_day", day, 2)],
            tiers.Allowance.of(tiers.resolve(host, PRODUCT, ada.space_id)),
        )  # fmt: skip
    first = ada.client.get("/api/usage").json()["items"][0]["limits"][0]
    assert (first["limit"], first["max"], first["used"], first["period"]) == (
        "made_per_day", 5, 2, day,
    )  # fmt: skip


def test_definitions_that_are_not_usable_are_a_warning(host: Host, ada: SignedIn) -> None:
    check = next(each for each in host.registry.health_checks if each.name == "tier definitions")
    assert check.check(host).status == "ok"
    define(host, [{"key": "a", "limits": {"x": -1}}])
    found = check.check(host)
    assert (found.status, "limit x of a" in found.detail) == ("warn", True)
