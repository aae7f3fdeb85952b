"""Changing who belongs to an organization: by whom, down to which owner, also at once."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from musekit.auth.models import User
from musekit.errors import ConflictError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.organizations import members
from musekit.organizations.models import OrganizationMember

SYSTEM = Actor.system("tests")


def set_role(team: Any, by: Any, user: Any, role: str) -> int:
    answer = by.client.patch(f"{team.url}/members/{user.user_id}", json={"role": role})
    return int(answer.status_code)


def remove(team: Any, by: Any, user: Any) -> int:
    return int(by.client.delete(f"{team.url}/members/{user.user_id}").status_code)


def leave(team: Any, user: Any) -> int:
    return int(user.client.post(f"{team.url}/leave", json={}).status_code)


def test_a_role_holds_in_the_spaces_at_once(team) -> None:
    editor = team.join("editor")
    assert set_role(team, team.owner, editor, "viewer") == 204
    assert team.roles()[editor.user_id] == "viewer"
    assert editor.client.get("/api/auth/me").json()["space"]["role"] == "viewer"
    assert set_role(team, team.owner, editor, "admin") == 204
    assert team.invite("new@example.com", by=editor).status_code == 201
    assert set_role(team, team.owner, editor, "emperor") == 422


@pytest.mark.parametrize("role", ["editor", "viewer"])
def test_who_is_no_admin_changes_nobody(team, role: str) -> None:
    user, other = team.join(role), team.join("viewer")
    for target in (user, other, team.owner):
        assert set_role(team, user, target, "admin") == 403
        assert remove(team, user, target) == 403
    assert team.roles()[user.user_id] == role


def test_an_admin_leaves_owners_alone(team) -> None:
    admin, other = team.join("admin"), team.join("editor")
    assert set_role(team, admin, other, "admin") == 204
    assert set_role(team, admin, other, "owner") == 403
    assert set_role(team, admin, admin, "owner") == 403
    assert set_role(team, admin, team.owner, "viewer") == 403
    assert remove(team, admin, team.owner) == 403
    assert remove(team, admin, other) == 204
    assert team.roles() == {team.owner.user_id: "owner", admin.user_id: "admin"}


def test_the_last_owner_stays_one(team) -> None:
    admin = team.join("admin")
    assert set_role(team, team.owner, team.owner, "admin") == 409
    assert remove(team, team.owner, team.owner) == 409
    assert leave(team, team.owner) == 409
    assert team.roles()[team.owner.user_id] == "owner"
    assert set_role(team, team.owner, admin, "owner") == 204
    assert leave(team, team.owner) == 204
    assert team.roles() == {admin.user_id: "owner"}


def test_an_owner_whose_account_is_being_deleted_is_none(team) -> None:
    other = team.join("admin")
    assert set_role(team, team.owner, other, "owner") == 204
    with team.host.database.session(SYSTEM) as session:
        session.get_one(User, other.user_id).deleting_at = utc_now()
    assert leave(team, team.owner) == 409
    assert set_role(team, team.owner, team.owner, "admin") == 409


def test_who_leaves_is_home_and_their_tokens_end(team, browser) -> None:
    editor = team.join("editor")
    made = editor.client.post("/api/auth/tokens", json={"name": "t", "scopes": ["*"]}).json()
    headers = {"authorization": f"Bearer {made['token']}"}
    assert browser.get("/api/auth/me", headers=headers).status_code == 200
    assert leave(team, editor) == 204
    assert browser.get("/api/auth/me", headers=headers).status_code == 401
    assert editor.client.get("/api/auth/me").json()["space"]["id"] == str(editor.space_id)
    assert leave(team, editor) == 404


def test_strangers_are_not_found(team) -> None:
    stranger = team.make_user()
    assert set_role(team, team.owner, stranger, "viewer") == 404
    assert remove(team, team.owner, stranger) == 404


def test_of_owners_who_leave_at_once_one_stays(team) -> None:
    others = [team.join("admin") for _ in range(4)]
    for each in others:
        assert set_role(team, team.owner, each, "owner") == 204
    outcomes: list[str] = []
    gate = threading.Barrier(5)

    def go(user: Any) -> None:
        gate.wait()
        try:
            with team.host.database.session(SYSTEM) as session:
                members.remove(session, team.id, user.user_id, by=user.user_id)
            outcomes.append("left")
        except ConflictError:
            outcomes.append("stayed")

    threads = [threading.Thread(target=go, args=(each,)) for each in (team.owner, *others)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(outcomes) == ["left"] * 4 + ["stayed"]
    assert list(team.roles().values()) == ["owner"]
    with team.host.database.session(SYSTEM, readonly=True) as session:
        assert session.query(OrganizationMember).count() == 1


def test_the_forms_of_the_page(team) -> None:
    editor, client = team.join("editor"), team.owner.client
    page = client.get("/organization/members", headers={"accept": "text/html"}).text
    form = {"csrf_token": page.partition('name="csrf_token" value="')[2].partition('"')[0]}
    here = f"/organization/members/{editor.user_id}"
    assert f'action="{here}/role"' in page
    assert f'action="/organization/members/{team.owner.user_id}/role"' not in page
    shown = client.post(f"{here}/role", data={**form, "role": "admin"})
    assert "The role is changed" in shown.text
    assert team.roles()[editor.user_id] == "admin"
    shown = client.post("/organization/leave", data=form)
    assert "needs an owner" in shown.text
    assert (
        f'action="{here}' not in editor.client.get("/organization/members").text
    )  # not about oneself
    shown = client.post(f"{here}/remove", data=form)
    assert "no longer belong" in shown.text
    assert team.roles() == {team.owner.user_id: "owner"}


def test_going_says_what_it_means(team) -> None:
    editor, client = team.join("editor"), team.owner.client
    page = client.get("/organization/leave").text
    assert "needs an owner" in page
    assert 'action="/organization/leave"' not in page
    here = f"/organization/members/{editor.user_id}/remove"
    assert f'action="{here}"' in client.get(here).text
    assert 'action="/organization/leave"' in editor.client.get("/organization/leave").text
    assert editor.client.get(here).status_code == 403
    stranger = team.make_user()
    gone = client.get(f"/organization/members/{stranger.user_id}/remove")
    assert gone.status_code == 404
    assert "yours alone" in stranger.client.get("/organization/leave").text
