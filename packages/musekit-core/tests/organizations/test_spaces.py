"""The spaces of an organization: names, clocks, and who is in which as what."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from musekit.audit.models import AuditEntry
from musekit.kernel.actors import Actor
from musekit.spaces.models import Space, SpaceMember

SYSTEM = Actor.system("tests")


def add(team: Any, name: str = "Client", by: Any = None) -> UUID:
    answer = (by or team.owner).client.post(f"{team.url}/spaces", json={"name": name})
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["id"])


def give(team: Any, space_id: UUID, user: Any, role: str, by: Any = None) -> Any:
    url = f"{team.url}/spaces/{space_id}/members/{user.user_id}"
    return (by or team.owner).client.put(url, json={"role": role})


def take(team: Any, space_id: UUID, user: Any) -> int:
    url = f"{team.url}/spaces/{space_id}/members/{user.user_id}"
    return int(team.owner.client.delete(url).status_code)


def roles(team: Any, space_id: UUID) -> dict[UUID, str]:
    found: dict[UUID, str] = team.roles_in(space_id, SpaceMember)
    return found


def test_a_name_and_a_clock_of_its_own(team) -> None:
    space_id = add(team)
    url = f"{team.url}/spaces/{space_id}"
    changed = team.owner.client.patch(url, json={"name": " New  name ", "timezone": "Asia/Tokyo"})
    assert changed.json() == {
        "id": str(space_id), "name": "New name", "timezone": "Asia/Tokyo",
        "organization_id": str(team.id),
    }  # fmt: skip
    only = team.owner.client.patch(url, json={"name": "Newer"}).json()
    assert (only["name"], only["timezone"]) == ("Newer", "Asia/Tokyo")
    for bad in ({"name": " "}, {"timezone": "Mars/Olympus"}, {"timezone": ""}):
        assert team.owner.client.patch(url, json=bad).status_code == 422
    listed = team.owner.client.get(f"{team.url}/spaces").json()["items"]
    assert [each["name"] for each in listed] == ["Juniper & Söhne", "Newer"]
    with team.host.database.session(SYSTEM, readonly=True) as session:
        logged = session.scalars(
            select(AuditEntry.action).where(AuditEntry.in_space_id == space_id)
        ).all()
    assert logged == ["space.created", "space.changed", "space.changed"]


def test_a_new_space_begins_in_the_zone_of_the_organization(team) -> None:
    url = f"{team.url}/settings"
    assert team.owner.client.patch(url, json={"timezone": "Europe/Lisbon"}).status_code == 200
    made = team.owner.client.post(f"{team.url}/spaces", json={"name": "x"}).json()
    assert made["timezone"] == "Europe/Lisbon"
    with team.host.database.session(SYSTEM, readonly=True) as session:
        assert session.get_one(Space, team.space_id).timezone == "UTC"  # it was there before


def test_editors_and_viewers_are_where_they_are_put(team) -> None:
    editor, viewer, space_id = team.join("editor"), team.join("viewer"), add(team)
    assert roles(team, space_id) == {team.owner.user_id: "owner"}
    assert give(team, space_id, editor, "viewer").status_code == 204
    assert give(team, space_id, viewer, "viewer").status_code == 204
    assert roles(team, space_id)[editor.user_id] == "viewer"
    assert team.roles()[editor.user_id] == "editor"  # in the first space as before
    team.go(editor, space_id)
    assert editor.client.get("/api/auth/me").json()["space"]["role"] == "viewer"
    assert give(team, space_id, editor, "editor").status_code == 204
    assert editor.client.get("/api/auth/me").json()["space"]["role"] == "editor"
    assert take(team, space_id, editor) == 204
    assert take(team, space_id, editor) == 404
    assert editor.client.get("/api/auth/me").json()["space"]["id"] == str(editor.space_id)  # home
    people = team.owner.client.get(f"{team.url}/spaces/{space_id}/members").json()["items"]
    assert [(each["email"], each["role"], each["everywhere"]) for each in people] == [
        (team.owner.email, "owner", True), (viewer.email, "viewer", False),
    ]  # fmt: skip


@pytest.mark.parametrize("role", ["editor", "admin", "owner", "emperor", ""])
def test_a_role_in_a_space_is_no_more_than_in_the_organization(team, role: str) -> None:
    viewer, space_id = team.join("viewer"), add(team)
    assert give(team, space_id, viewer, role).status_code == 422
    assert viewer.user_id not in roles(team, space_id)


def test_who_is_everywhere_is_neither_put_nor_taken(team) -> None:
    admin, space_id = team.join("admin"), add(team)
    for each in (admin, team.owner):
        assert give(team, space_id, each, "viewer").status_code == 409
        assert take(team, space_id, each) == 409
    assert roles(team, space_id) == {team.owner.user_id: "owner", admin.user_id: "admin"}


def test_roles_of_spaces_rise_and_fall_with_that_of_the_organization(team) -> None:
    viewer, editor, space_id = team.join("viewer"), team.join("editor"), add(team)
    give(team, space_id, editor, "viewer")
    for user, role in ((viewer, "editor"), (editor, "admin"), (editor, "viewer")):
        url = f"{team.url}/members/{user.user_id}"
        assert team.owner.client.patch(url, json={"role": role}).status_code == 204
    assert team.roles()[viewer.user_id] == "editor"  # had all that a viewer may: now an editor's
    assert {roles(team, each)[editor.user_id] for each in (space_id, team.space_id)} == {"viewer"}


def test_who_has_less_in_a_space_keeps_that(team) -> None:
    editor, space_id = team.join("editor"), add(team)
    give(team, space_id, editor, "viewer")
    url = f"{team.url}/members/{editor.user_id}"
    team.owner.client.patch(url, json={"role": "viewer"})
    team.owner.client.patch(url, json={"role": "editor"})
    assert roles(team, space_id)[editor.user_id] == "editor"  # a viewer everywhere has risen
    give(team, space_id, editor, "viewer")
    team.owner.client.patch(url, json={"role": "editor"})
    assert roles(team, space_id)[editor.user_id] == "viewer"


def test_only_members_of_the_organization_and_only_its_spaces(team) -> None:
    stranger, space_id = team.make_user(), add(team)
    other = stranger.client.post("/api/organizations", json={"name": "Other"}).json()
    foreign = UUID(other["space"]["id"])
    assert give(team, space_id, stranger, "viewer").status_code == 404
    editor = team.join("editor")
    for elsewhere in (foreign, stranger.space_id, team.owner.space_id, uuid4()):
        url = f"{team.url}/spaces/{elsewhere}"
        assert team.owner.client.patch(url, json={"name": "taken"}).status_code == 404
        assert team.owner.client.get(f"{url}/members").status_code == 404
        assert give(team, elsewhere, editor, "viewer").status_code == 404
        assert take(team, elsewhere, stranger) == 404
    assert roles(team, foreign) == {stranger.user_id: "owner"}


def test_the_pages(team, form) -> None:
    editor, client = team.join("editor"), team.owner.client
    made = client.post("/organization/spaces", data=form(client, name="Client"))
    here = made.url.path
    assert here.startswith("/organization/spaces/")
    assert "Not in this space" in made.text
    bad = client.post("/organization/spaces", data=form(client, name=" "))
    assert (bad.status_code, "give it a name" in bad.text) == (422, True)
    bad = client.post(here, data=form(client, name="x", timezone="Mars/Olympus"))
    assert (bad.status_code, "not the name of a time zone" in bad.text) == (422, True)
    saved = client.post(here, data=form(client, name="Acme", timezone="Asia/Tokyo"))
    assert "The space is saved" in saved.text
    data = form(client, user_id=str(editor.user_id), role="editor")
    assert "They work in this space now" in client.post(f"{here}/members", data=data).text
    assert roles(team, UUID(here.rpartition("/")[2]))[editor.user_id] == "editor"
    data = form(client, user_id=str(editor.user_id), role="admin")
    assert "choose editor or viewer" in client.post(f"{here}/members", data=data).text
    gone = client.post(f"{here}/members/{editor.user_id}/remove", data=form(client))
    assert "out of this space" in gone.text
    listed = client.get("/organization/spaces").text
    assert "Acme" in listed
    assert "Asia/Tokyo" in listed
    assert editor.client.get("/organization/spaces").status_code == 403


def test_the_switcher_names_organization_and_space(team) -> None:
    space_id = add(team, "Client & Co")
    page = team.owner.client.get("/dashboard").text
    assert 'aria-label="Space: Juniper &amp; Söhne"' in page  # both are called the same
    team.go(team.owner, space_id)
    page = team.owner.client.get("/dashboard").text
    assert 'aria-label="Space: Juniper &amp; Söhne · Client &amp; Co"' in page
    assert page.index(">Personal<") < page.index(">Juniper &amp; Söhne<")
    listed = team.owner.client.get("/api/spaces").json()["items"]
    assert [each["organization"] for each in listed] == [None, *["Juniper & Söhne"] * 2]
    assert listed[2]["organization_id"] == str(team.id)
