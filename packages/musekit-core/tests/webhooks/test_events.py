"""What the core tells of: members, spaces, plans, limits; in the unit of work of the act."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from starlette.requests import Request

from musekit.auth.models import User
from musekit.auth.secrets import digest
from musekit.declarations import Limit, Product, Tier
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import db_after
from musekit.kernel.ids import new_id
from musekit.kernel.registry import Contribution
from musekit.organizations import acts, service, space_acts
from musekit.organizations.models import Invitation
from musekit.products import usage, warning
from musekit.webhooks.models import WebhookMessage

SYSTEM = Actor.system("tests")
REQUEST = Request({"type": "http", "headers": [], "client": ("127.0.0.1", 1), "state": {}})


@pytest.fixture
def crew(lab: Any) -> tuple[Any, UUID]:
    """An organization of the user, and its first space, which listens."""
    with lab.host.database.session(SYSTEM) as session:
        made, space = service.create(session, lab.user.user_id, "Crew")
        session.flush()
    lab.endpoint(space_id=space.id)
    return made, space.id


def told(lab: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return what was told, in order, as receivers have it."""
    lab.deliver()
    bodies = [json.loads(each.body) for each in lab.listener.told]
    lab.listener.told.clear()
    return [(each["type"], each["data"]) for each in bodies]


def inside(lab: Any, space_id: UUID, user_id: UUID | None = None) -> Actor:
    return Actor(kind="user", name="tests", user_id=user_id or lab.user.user_id, space_id=space_id)


def test_members_come_and_go(lab: Any, crew: Any, make_user: Any) -> None:
    organization, space_id = crew
    guest = make_user()
    secret = "x" * 43
    with lab.host.database.session(SYSTEM) as session:
        session.execute(update(User).values(email_verified_at=db_after(0)))
        session.add(
            Invitation(
                id=new_id(), organization_id=organization.id, email=guest.email,
                email_key=guest.email, role="editor", space_ids=[str(space_id)],
                expires_at=db_after(3600), token_hash=digest(secret),
                invited_by=lab.user.user_id,
            )
        )  # fmt: skip
    acts.accept(REQUEST, lab.host, inside(lab, guest.space_id, guest.user_id), secret)
    who = {"organization_id": str(organization.id), "user_id": str(guest.user_id)}
    assert told(lab) == [("member.joined", {**who, "role": "editor"})]
    acts.remove(REQUEST, lab.host, inside(lab, space_id), organization, guest.user_id)
    assert told(lab) == [("member.left", who)]


def test_a_member_who_is_not_removed_has_not_left(lab: Any, crew: Any) -> None:
    organization, space_id = crew
    with pytest.raises(Exception, match="owner"):
        acts.remove(REQUEST, lab.host, inside(lab, space_id), organization, lab.user.user_id)
    assert told(lab) == []


def test_another_space_is_told_to_the_others(lab: Any, crew: Any) -> None:
    organization, space_id = crew
    made = space_acts.add(REQUEST, lab.host, inside(lab, space_id), organization, "Secret client")
    [(event, data)] = told(lab)
    assert (event, data) == (
        "space.created", {"organization_id": str(organization.id), "space_id": str(made.id)},
    )  # fmt: skip


@pytest.fixture
def shop(lab: Any) -> None:
    registry = lab.host.registry
    registry.frozen = False
    registry.accept(
        "musekit",
        Contribution({
            "products": [
                Product(
                    key="shop", name="Shop", summary="", home="/dashboard",
                    limits=[
                        Limit(key="sales_per_month", label="Sales", metric="sale", period="month")
                    ],
                )
            ],
            "tiers": [
                Tier(product="shop", key="tier_1", label="S", rank=1,
                     limits={"sales_per_month": 10}),
                Tier(product="shop", key="tier_2", label="M", rank=2,
                     limits={"sales_per_month": 100}),
            ],
        }),
    )  # fmt: skip
    registry.frozen = True


def test_another_plan(lab: Any, shop: None) -> None:
    from musekit.products import telling, untold
    from musekit.testing.plans import grant

    lab.endpoint()

    def tell(before: str) -> int:
        with lab.host.database.session(SYSTEM) as session:
            key = untold.keep_spaces(session, "shop", {lab.user.space_id: before})
        return telling.tell(lab.host, key) + telling.tell(lab.host, key)

    grant(lab.host, lab.user.space_id, "shop", "tier_2")
    assert tell(before="tier_1") == 1
    assert told(lab) == [
        ("subscription.changed", {"product": "shop", "before": "tier_1", "after": "tier_2"})
    ]
    assert tell(before="tier_2") == 0
    assert told(lab) == []


def test_a_limit_that_is_near(lab: Any, shop: None) -> None:
    from musekit.products import tiers

    lab.endpoint()
    space_id = lab.user.space_id
    allowed = tiers.allowance(lab.host, "shop", space_id)
    with lab.host.database.session(SYSTEM) as session:
        usage.take(
            session, space_id, "shop",
            [usage.Take("sale", "sales_per_month", "2026-11", 8)], allowed,
        )  # fmt: skip
    assert warning.warn(lab.host) == 1
    assert told(lab) == [
        ("usage.near_limit", {"product": "shop", "limit": "sales_per_month", "period": "2026-11",
                              "used": 8, "max": 10})
    ]  # fmt: skip
    assert warning.warn(lab.host) == 0


def test_every_event_has_a_sample_that_could_be_told(lab: Any) -> None:
    from musekit.webhooks import emitting

    for each in lab.host.registry.webhook_events.values():
        assert emitting.checked(each.sample) == each.sample
    with lab.host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(WebhookMessage)).all() == []
