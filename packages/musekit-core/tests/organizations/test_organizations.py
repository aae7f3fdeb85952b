"""Organizations, their spaces, and the roles that hold in them."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select

from musekit.audit.models import AuditEntry
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.organizations import service
from musekit.organizations.models import Organization, OrganizationMember, OrganizationSettings
from musekit.organizations.settings import OrganizationsSettings
from musekit.products.owners import Owner, owner_of
from musekit.spaces.models import SpaceMember
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")


def test_who_makes_one_owns_it_and_its_first_space(team) -> None:
    me = team.owner.client.get("/api/auth/me").json()
    assert (me["space"]["id"], me["space"]["role"]) == (str(team.space_id), "owner")
    assert not me["space"]["is_personal"]
    listed = team.owner.client.get("/api/organizations").json()["items"]
    assert listed == [{"id": str(team.id), "name": "Juniper & Söhne", "role": "owner"}]
    with team.host.database.session(SYSTEM, readonly=True) as session:
        made = session.get_one(Organization, team.id)
        own = session.scalars(
            select(OrganizationSettings).where(OrganizationSettings.scope == str(team.id))
        ).one()
        assert owner_of(session, team.space_id) == Owner(None, team.id)
    assert made.slug.startswith("juniper-sohne-")
    assert own.settings == {}


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\u202eb", "\ud800"])
def test_a_name_is_needed(make_user: Callable[..., SignedIn], host: Host, name: str) -> None:
    import json

    user = make_user()
    answer = user.client.post(
        "/api/organizations", content=json.dumps({"name": name}),
        headers={"content-type": "application/json"},
    )  # fmt: skip
    assert answer.status_code == 422
    assert user.client.get("/api/organizations").json()["items"] == []


def test_its_spaces_begin_in_the_zone_of_who_makes_it(make_user: Callable[..., SignedIn]) -> None:
    client = make_user().client
    assert client.patch("/api/auth/me", json={"timezone": "Asia/Tokyo"}).status_code == 200
    made = client.post("/api/organizations", json={"name": "Crew"}).json()
    client.post("/api/spaces/switch", json={"space_id": made["space"]["id"]})
    url = f"/api/organizations/{made['organization']['id']}"
    assert client.post(f"{url}/spaces", json={"name": "A client"}).status_code == 201
    zones = {each["timezone"] for each in client.get(f"{url}/spaces").json()["items"]}
    assert zones == {"Asia/Tokyo"}


def test_a_further_space_has_the_owners_and_admins_in_it(team) -> None:
    admin, editor = team.join("admin"), team.join("editor")
    made = team.owner.client.post(f"{team.url}/spaces", json={"name": "Client"}).json()
    client = UUID(made["id"])
    assert team.roles_in(client, SpaceMember) == {
        team.owner.user_id: "owner", admin.user_id: "admin",
    }  # fmt: skip
    assert team.roles()[editor.user_id] == "editor"
    refused = editor.client.post("/api/spaces/switch", json={"space_id": str(client)})
    assert refused.status_code == 404


@pytest.mark.parametrize(
    ("role", "may_see", "may_manage"),
    [("admin", 200, 201), ("editor", 200, 403), ("viewer", 200, 403)],
)
def test_what_a_role_may(team, role: str, may_see: int, may_manage: int) -> None:
    user = team.join(role)
    assert user.client.get("/api/auth/me").json()["space"]["role"] == role
    assert user.client.get(f"{team.url}/members").status_code == may_see
    assert team.invite("new@example.com", "viewer", by=user).status_code == may_manage
    made = user.client.post(f"{team.url}/spaces", json={"name": "x"})
    assert made.status_code == may_manage
    page = user.client.get("/organization/members").text
    assert ("Invite somebody" in page) == (may_manage == 201)
    assert team.owner.email in page


def test_strangers_and_those_elsewhere_find_nothing(team) -> None:
    stranger = team.make_user()
    team.go(team.owner, team.owner.space_id)  # home: not in a space of it
    other = stranger.client.post("/api/organizations", json={"name": "Other"}).json()
    for user in (stranger, team.owner):
        assert user.client.get(f"{team.url}/members").status_code == 404
        assert user.client.post(f"{team.url}/spaces", json={"name": "x"}).status_code == 404
        assert team.invite("new@example.com", by=user).status_code == 404
    team.go(stranger, other["space"]["id"])  # an owner, of another one
    assert stranger.client.get(f"{team.url}/members").status_code == 404
    assert team.invite("new@example.com", by=stranger).status_code == 404
    assert stranger.client.get(f"/api/organizations/{uuid4()}/members").status_code == 404


def test_a_token_acts_in_its_own_space_only(team, browser) -> None:
    headers = {"authorization": f"Bearer {team.owner.token}"}  # of the personal space
    assert browser.get(f"{team.url}/members", headers=headers).status_code == 404
    made = team.owner.client.post("/api/auth/tokens", json={"name": "t", "scopes": ["*"]}).json()
    headers = {"authorization": f"Bearer {made['token']}"}
    assert browser.get(f"{team.url}/members", headers=headers).status_code == 200
    less = team.owner.client.post(
        "/api/auth/tokens", json={"name": "t", "scopes": ["organization.read"]}
    ).json()
    headers = {"authorization": f"Bearer {less['token']}"}
    assert browser.get(f"{team.url}/members", headers=headers).status_code == 200
    refused = browser.post(f"{team.url}/spaces", json={"name": "x"}, headers=headers)
    assert refused.status_code == 403


def test_roles_of_spaces_follow_those_of_the_organization(team) -> None:
    admin, editor, viewer = (team.join(role) for role in ("admin", "editor", "viewer"))

    def set_role(user: SignedIn, role: str | None) -> None:
        with team.host.database.session(SYSTEM) as session:
            key = (team.id, user.user_id)
            if role is None:
                session.delete(session.get_one(OrganizationMember, key))
            else:
                session.get_one(OrganizationMember, key).role = role
            session.flush()
            service.sync(session, team.id)

    set_role(admin, "viewer")
    set_role(editor, "admin")
    set_role(viewer, None)
    assert team.roles() == {
        team.owner.user_id: "owner", admin.user_id: "viewer", editor.user_id: "admin",
    }  # fmt: skip
    assert viewer.client.get("/api/auth/me").json()["space"]["id"] == str(viewer.space_id)  # home


def test_only_operators_where_so_set(host: Host, make_user: Callable[..., SignedIn]) -> None:
    host.sections[OrganizationsSettings] = OrganizationsSettings(create="operators")
    answer = make_user().client.post("/api/organizations", json={"name": "x"})
    assert answer.status_code == 403


def test_acts_are_in_the_log(team) -> None:
    user = team.join("editor")
    with team.host.database.session(SYSTEM, readonly=True) as session:
        found = session.scalars(
            select(AuditEntry)
            .where(AuditEntry.in_organization_id == team.id)
            .order_by(AuditEntry.at, AuditEntry.id)
        ).all()
    assert [(each.action, each.actor_user_id) for each in found] == [
        ("organization.created", team.owner.user_id), ("member.invited", team.owner.user_id),
        ("member.joined", user.user_id),
    ]  # fmt: skip
    assert user.email not in str([each.detail for each in found])


def test_an_export_tells_of_organizations_and_their_end_takes_the_spaces(team) -> None:
    with team.host.database.session(SYSTEM) as session:
        told = team.host.registry.hooks.export_user_data(
            session=session, user_id=team.owner.user_id
        )
        assert told["musekit"]["organizations"][0]["name"] == "Juniper & Söhne"
        assert "user" in told["musekit"]
        session.execute(delete(Organization).where(Organization.id == team.id))
    assert team.roles() == {}
    assert team.owner.client.get("/api/auth/me").status_code == 401  # its session was in there


def test_pages_make_one_and_its_spaces(make_user: Callable[..., SignedIn]) -> None:
    user = make_user()
    assert "yours alone" in user.client.get("/organization").text
    form = user.client.get("/organization/new").text
    token = form.partition('name="csrf_token" value="')[2].partition('"')[0]
    bad = user.client.post("/organization/new", data={"name": " ", "csrf_token": token})
    assert (bad.status_code, "give it a name" in bad.text) == (422, True)
    page = user.client.post("/organization/new", data={"name": "Crew", "csrf_token": token})
    assert page.url.path == "/organization/members"
    assert "Invite somebody" in page.text
    more = user.client.post("/organization/spaces", data={"name": "Client", "csrf_token": token})
    assert "Client" in more.text
    assert len(user.client.get("/api/spaces").json()["items"]) == 3
