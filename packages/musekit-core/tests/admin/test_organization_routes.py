"""Organizations by JSON: the list with its sizes, one with why it has its tier, tiers given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.organizations import service
from musekit.organizations.models import Organization
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")


def made(host: Host, person: SignedIn, name: str) -> UUID:
    with host.database.session(SYSTEM) as session:
        organization, _ = service.create(session, person.user_id, name)
        service.add_space(session, organization.id, "A client")
        return organization.id


def test_listed_searched_and_closing(
    host: Host, operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    person = make_user()
    juniper, oak = made(host, person, "Juniper"), made(host, person, "Oak")
    items = operator.got("/organizations")["items"]
    assert {each["id"] for each in items} == {str(juniper), str(oak)}
    assert {(each["members"], each["spaces"]) for each in items} == {(1, 2)}
    assert [e["name"] for e in operator.got("/organizations", search="juni")["items"]] == [
        "Juniper"
    ]
    assert operator.got("/organizations", state="closing")["items"] == []
    with host.database.session(SYSTEM) as session:
        session.get_one(Organization, oak).deleting_at = utc_now()
    assert [e["name"] for e in operator.got("/organizations", state="closing")["items"]] == ["Oak"]


def test_one_and_a_tier_given_by_hand(
    host: Host, operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    person = make_user("ada@example.com")
    path = f"/organizations/{made(host, person, 'Juniper')}"
    found = operator.got(path)
    assert [(each["email"], each["role"]) for each in found["members"]] == [
        ("ada@example.com", "owner")
    ]
    assert sorted(each["name"] for each in found["spaces"]) == ["A client", "Juniper"]
    assert [each["tier"] for each in found["decisions"]] == ["tier_1"]
    assert operator.ask("PUT", f"{path}/grants/things", {"tier": "tier_3"}).status_code == 204
    found = operator.got(path)
    assert [each["tier"] for each in found["decisions"]] == ["tier_3"]
    assert [each["ends_at"] for each in found["grants"]] == [None]
    given = operator.got("/products/things/grants")["items"]
    assert [each["organization_id"] for each in given] == [found["organization"]["id"]]
    assert operator.got("/products/things/grants", state="over")["items"] == []
    assert operator.ask("DELETE", f"{path}/grants/things").status_code == 204
    assert operator.got(path)["decisions"][0]["tier"] == "tier_1"
    assert operator.ask("GET", f"/organizations/{new_id()}").status_code == 404
    absent = f"/organizations/{new_id()}/grants/things"
    assert operator.ask("PUT", absent, {"tier": "tier_3"}).status_code == 404
