"""What an organization may set for itself, and that it is nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from musekit.audit.models import AuditEntry
from musekit.declarations import Product, Tier
from musekit.errors import InvalidError
from musekit.kernel.actors import Actor
from musekit.kernel.registry import Contribution
from musekit.organizations import preferences
from musekit.organizations.models import OrganizationSettings
from musekit.products import tiers

SYSTEM = Actor.system("tests")
DEFINITIONS = {
    "tierDefinitions": [{"key": "tier_1", "label": "All", "rank": 1, "limits": {"things": None}}]
}


@pytest.fixture
def host(host: Any) -> Any:
    """One product, whose tiers the operator defines under ``thingModule``."""
    host.registry.frozen = False
    product = Product(
        key="things", name="Things", summary="", home="/dashboard", settings_key="thingModule"
    )
    tier = Tier(product="things", key="tier_1", label="Free", rank=1, limits={"things": 1})
    host.registry.accept("musekit", Contribution({"products": [product], "tiers": [tier]}))
    host.registry.frozen = True
    return host


def stored(team: Any) -> dict[str, Any]:
    with team.host.database.session(SYSTEM, readonly=True) as session:
        row = session.scalars(
            select(OrganizationSettings).where(OrganizationSettings.organization_id == team.id)
        ).one()
        return dict(row.settings)


def put(team: Any, settings: dict[str, Any]) -> None:
    with team.host.database.session(SYSTEM) as session:
        session.scalars(
            select(OrganizationSettings).where(OrganizationSettings.organization_id == team.id)
        ).one().settings = settings


def test_what_is_allowed_is_kept_and_the_rest_of_it_left(team) -> None:
    url, client = f"{team.url}/settings", team.owner.client
    assert client.get(url).json() == {"branding": None, "timezone": None, "aiOverride": None}
    given = {"branding": {"color": "#2f6f5e"}, "timezone": "Asia/Tokyo", "aiOverride": True}
    assert client.patch(url, json=given).json() == given
    assert client.patch(url, json={"timezone": None}).json() == given | {"timezone": None}
    assert stored(team) == {"branding": {"color": "#2f6f5e"}, "aiOverride": True}
    assert client.get(url).json() == given | {"timezone": None}


@pytest.mark.parametrize(
    "given",
    [
        {"thingModule": DEFINITIONS}, {"things": DEFINITIONS}, {"socialModule": DEFINITIONS},
        {"tierDefinitions": []}, {"branding": {"color": "#2f6f5e", "tierDefinitions": []}},
        {"branding": {"color": "red"}}, {"branding": {"color": "url(https://x.example)"}},
        {"branding": "#2f6f5e"}, {"timezone": "Mars/Olympus"}, {"timezone": ["UTC"]},
        {"aiOverride": "https://x.example"}, {"scope": "operator"},
        {"timezone": "UTC", "thingModule": {}}, {"ThingModule": DEFINITIONS},
    ],
)  # fmt: skip
def test_what_is_not_is_refused_whole(team, given: dict[str, Any]) -> None:
    answer = team.owner.client.patch(f"{team.url}/settings", json=given)
    assert answer.status_code == 422
    assert answer.json()["errors"]
    with pytest.raises(InvalidError), team.host.database.session(SYSTEM) as session:
        preferences.change(session, team.host, team.id, given, by=team.owner.user_id)
    assert stored(team) == {}


def test_a_key_of_a_product_is_said_to_be_the_operators(team) -> None:
    with pytest.raises(InvalidError) as caught, team.host.database.session(SYSTEM) as session:
        preferences.change(
            session, team.host, team.id, {"thingModule": DEFINITIONS}, by=team.owner.user_id
        )
    (fault,) = caught.value.extra["errors"]
    assert fault == {
        "field": "thingModule", "message": "is set by the operator of this deployment alone",
    }  # fmt: skip


def test_what_stands_there_all_the_same_is_not_read_and_goes(team) -> None:
    put(team, {"thingModule": DEFINITIONS, "timezone": "UTC", "other": 1})
    assert "thingModule" not in team.owner.client.get(f"{team.url}/settings").text
    assert tiers.allowance(team.host, "things", team.space_id).limit("things") == 1
    changed = team.owner.client.patch(f"{team.url}/settings", json={"aiOverride": False})
    assert changed.status_code == 200
    assert stored(team) == {"timezone": "UTC", "aiOverride": False}


def test_an_editor_reads_and_an_admin_writes(team) -> None:
    url = f"{team.url}/settings"
    for role, status in (("viewer", 403), ("editor", 403), ("admin", 200)):
        user = team.join(role)
        assert user.client.get(url).status_code == 200
        assert user.client.patch(url, json={"aiOverride": True}).status_code == status


def test_the_page_and_the_name(team, form) -> None:
    client = team.owner.client
    put(team, {"aiOverride": True})
    given = form(client, name="Crew", timezone="Asia/Tokyo", color="#123abc")
    shown = client.post("/organization/settings", data=given)
    assert "The settings are saved" in shown.text
    assert client.get("/organization").text.count("#123abc") == 1
    assert stored(team) == {
        "aiOverride": True, "timezone": "Asia/Tokyo", "branding": {"color": "#123abc"},
    }  # fmt: skip
    assert client.get(f"{team.url}").json() == {"id": str(team.id), "name": "Crew", "role": "owner"}
    bad = client.post("/organization/settings", data=form(client, name="X", color="red"))
    assert (bad.status_code, "choose a colour" in bad.text) == (422, True)
    assert client.get(f"{team.url}").json()["name"] == "Crew"  # all of it or nothing
    assert client.patch(team.url, json={"name": " "}).status_code == 422
    assert client.patch(team.url, json={"name": "Crew 2"}).status_code == 204
    client.post("/organization/settings", data=form(client, name="Crew 2", timezone="", color=""))
    assert stored(team) == {"aiOverride": True}
    with team.host.database.session(SYSTEM, readonly=True) as session:
        logged = session.scalars(
            select(AuditEntry.action)
            .where(AuditEntry.action.like("organization.%"))
            .order_by(AuditEntry.at, AuditEntry.id)
        ).all()
    assert logged == [
        "organization.created", "organization.renamed", "organization.settings_changed",
        "organization.renamed", "organization.settings_changed",
    ]  # fmt: skip
