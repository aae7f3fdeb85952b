"""The plan's room for spaces and members, also for many at once and after a downgrade."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from musekit.declarations import Product, Tier
from musekit.errors import LimitReachedError
from musekit.kernel.actors import Actor
from musekit.kernel.registry import Contribution
from musekit.organizations import caps, invites, service
from musekit.organizations.models import Organization
from musekit.products.models import ProductGrant

SYSTEM = Actor.system("tests")


def tier(product: str, rank: int, **limits: int | None) -> Tier:
    return Tier(product=product, key=f"tier_{rank}", label=f"Plan {rank}", rank=rank, limits=limits)


@pytest.fixture
def host(host: Any) -> Any:
    """Two products: the tiers of one name the limits, those of the other do not."""
    host.registry.frozen = False
    host.registry.accept("musekit", Contribution({
        "products": [
            Product(key=key, name=key, summary="", home="/dashboard") for key in ("things", "more")
        ],
        "tiers": [
            tier("things", 1, spaces=2, members=3), tier("things", 2, spaces=None, members=4),
            tier("more", 1, other=1),
        ],
    }))  # fmt: skip
    host.registry.frozen = True
    return host


def grant(team: Any, key: str | None) -> None:
    """Give the organization a tier, or take it back."""
    with team.host.database.session(SYSTEM) as session:
        for row in session.query(ProductGrant):
            session.delete(row)
        if key is not None:
            session.add(ProductGrant(product="things", organization_id=team.id, tier=key))


def test_no_more_spaces_than_the_plan_has_room_for(team, form) -> None:
    make = lambda: team.owner.client.post(f"{team.url}/spaces", json={"name": "x"})  # noqa: E731
    assert make().status_code == 201
    refused = make()
    body = refused.json()
    assert refused.status_code == 429
    assert "retry-after" not in refused.headers  # waiting does not help
    assert {name: body[name] for name in ("limit", "max", "used", "tier", "upgrade_url")} == {
        "limit": "spaces", "max": 2, "used": 2, "tier": "tier_1", "upgrade_url": "/billing/plans",
    }  # fmt: skip
    assert body["upgrade"] == {"tier": "tier_2", "label": "Plan 2", "limit": None}
    data = form(team.owner.client, name="typed")
    page = team.owner.client.post("/organization/spaces", data=data)
    assert (page.status_code, 'value="typed"' in page.text) == (429, True)
    grant(team, "tier_2")
    assert [make().status_code for _ in range(3)] == [201] * 3
    grant(team, None)
    assert make().status_code == 429
    assert len(team.owner.client.get(f"{team.url}/spaces").json()["items"]) == 5  # none is lost


def test_who_is_invited_counts_and_so_does_who_is_there(team) -> None:
    guest = team.make_user()
    assert team.invite(guest.email).status_code == 201
    assert team.invite("two@example.com").status_code == 201
    assert team.invite(guest.email).status_code == 201  # again, and not one more
    refused = team.invite("three@example.com")
    assert (refused.status_code, refused.json()["used"]) == (429, 3)
    answer = guest.client.post("/api/invitations/accept", json={"token": team.token(guest.email)})
    assert answer.status_code == 200
    assert team.invite("three@example.com").status_code == 429


def test_after_a_downgrade_the_link_waits(team) -> None:
    grant(team, "tier_2")
    for _ in range(2):
        team.join("viewer")
    guest = team.make_user()
    assert team.invite(guest.email).status_code == 201
    link = team.token(guest.email)
    grant(team, None)
    refused = guest.client.post("/api/invitations/accept", json={"token": link})
    assert (refused.status_code, refused.json()["limit"]) == (429, "members")
    page = guest.client.get(f"/invite/{link}")
    data = {"csrf_token": page.text.partition('name="csrf_token" value="')[2].partition('"')[0]}
    shown = guest.client.post(f"/invite/{link}", data=data)
    assert (shown.status_code, "has room for 3 members" in shown.text) == (429, True)
    grant(team, "tier_2")
    assert guest.client.post("/api/invitations/accept", json={"token": link}).status_code == 200
    assert len(team.roles()) == 4


def test_of_many_at_once_no_more_come_in_than_there_is_room(team) -> None:
    cap, owner = caps.of(team.host, team.id, "members"), team.owner.user_id
    gate, outcomes = threading.Barrier(8), list[str]()

    def go(n: int) -> None:
        gate.wait()
        try:
            with team.host.database.session(SYSTEM) as session:
                invites.invite(
                    session, team.host, session.get_one(Organization, team.id),
                    email=f"u{n}@example.com", role="admin", space_ids=[], by=owner, cap=cap,
                )  # fmt: skip
            outcomes.append("done")
        except LimitReachedError:
            outcomes.append("full")

    threads = [threading.Thread(target=go, args=(n,)) for n in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(outcomes) == ["done"] * 2 + ["full"] * 6


def test_a_plan_that_names_no_limit_does_not_lift_that_of_another(team) -> None:
    assert caps.of(team.host, team.id, "spaces").most == 2
    assert service.NO_CAP.most is None
