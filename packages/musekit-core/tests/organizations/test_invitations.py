"""Invitations: one address, one use, for a time; the link proves the address."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from musekit.auth.models import User
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.organizations.models import Invitation, OrganizationMember
from musekit.spaces.models import SpaceMember
from musekit.testing import plans
from musekit.testing.pytest_plugin import PASSWORD

SYSTEM = Actor.system("tests")
HTML = {"accept": "text/html"}


def accept(user: Any, token: str) -> Any:
    return user.client.post("/api/invitations/accept", json={"token": token})


def user_row(team: Any, user: Any) -> User:
    with team.host.database.session(SYSTEM, readonly=True) as session:
        return session.get_one(User, user.user_id)


@pytest.mark.parametrize("role", ["admin", "editor", "viewer"])
def test_who_accepts_is_in_with_that_role(team, role: str) -> None:
    guest = team.make_user()
    made = team.invite(guest.email, role).json()
    assert (made["email"], made["role"], made["sends"]) == (guest.email, role, 1)
    assert user_row(team, guest).email_verified_at is None
    answer = accept(guest, team.token(guest.email)).json()
    assert answer == {
        "organization": {"id": str(team.id), "name": "Juniper & Söhne", "role": role},
        "space_id": str(team.space_id),
    }
    assert team.roles()[guest.user_id] == role
    assert user_row(team, guest).email_verified_at is not None
    assert team.owner.client.get(f"{team.url}/invitations").json()["items"] == []
    people = team.owner.client.get(f"{team.url}/members").json()["items"]
    assert [each["role"] for each in people] == ["owner", role]


def test_a_link_works_once(team) -> None:
    guest = team.make_user()
    team.invite(guest.email)
    token = team.token(guest.email)
    answers: list[int] = []
    gate = threading.Barrier(8)

    def try_it() -> None:
        client = TestClient(team.app, headers=guest.client.headers, cookies=guest.client.cookies)
        gate.wait()
        answers.append(client.post("/api/invitations/accept", json={"token": token}).status_code)

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(answers) == [200] + [410] * 7
    again = accept(guest, token)
    assert (again.status_code, again.json()["code"]) == (410, "link-spent")


def test_it_is_for_its_address_alone(team) -> None:
    guest, thief = team.make_user(), team.make_user()
    team.invite(guest.email.upper())
    token = team.token(re.sub("@.*", lambda found: found[0].lower(), guest.email.upper()))
    refused = accept(thief, token)
    assert refused.status_code == 403
    assert thief.user_id not in team.roles()
    assert accept(guest, token).status_code == 200  # it was not used up


@pytest.mark.parametrize(
    "token", ["", "x", "x" * 43, "../../x", "'; DROP TABLE invitations; --", "\u202e" * 10]
)
def test_forged_links_open_nothing(team, token: str) -> None:
    team.invite("somebody@example.com")
    assert accept(team.make_user(), token).status_code == 410


def test_it_ends_by_time_by_being_taken_back_and_by_another_one(team) -> None:
    guest = team.make_user()
    first = team.invite(guest.email, "viewer").json()
    old = team.token(guest.email)
    second = team.invite(guest.email, "editor").json()
    assert (second["id"], second["sends"]) == (first["id"], 2)
    assert accept(guest, old).status_code == 410
    fresh = team.token(guest.email)
    with team.host.database.session(SYSTEM) as session:
        session.execute(update(Invitation).values(expires_at=utc_now() - timedelta(seconds=1)))
    assert accept(guest, fresh).status_code == 410
    team.invite(guest.email)
    url = f"{team.url}/invitations/{first['id']}"
    assert team.owner.client.delete(url).status_code == 204
    assert team.owner.client.delete(url).status_code == 404
    assert accept(guest, team.token(guest.email)).status_code == 410
    assert team.roles() == {team.owner.user_id: "owner"}
    other = team.make_user()
    made = other.client.post("/api/organizations", json={"name": "Other"}).json()
    team.go(other, made["space"]["id"])
    own = f"/api/organizations/{made['organization']['id']}/invitations"
    new = team.invite(guest.email).json()
    assert other.client.delete(f"{own}/{new['id']}").status_code == 404  # it is not theirs


def test_what_cannot_be_given(team) -> None:
    guest = team.make_user()
    assert team.invite(guest.email, "owner").status_code == 422
    assert team.invite(guest.email, "emperor").status_code == 422
    assert team.invite("no address").status_code == 422
    assert team.invite(team.owner.email).status_code == 409
    foreign = team.invite(guest.email, space_ids=[str(guest.space_id)])
    assert foreign.status_code == 404
    with team.host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(Invitation)).all() == []


def test_editors_come_into_the_spaces_they_were_given(team) -> None:
    for product in team.host.registry.products:  # a plan with room for them
        plans.grant(team.host, team.space_id, product.key, "tier_3")
    spaces = [
        team.owner.client.post(f"{team.url}/spaces", json={"name": name}).json()["id"]
        for name in ("A", "B", "C")
    ]
    guest = team.join("editor", space_ids=spaces[:2])
    with team.host.database.session(SYSTEM, readonly=True) as session:
        found = session.scalars(
            select(SpaceMember.space_id).where(SpaceMember.user_id == guest.user_id)
        ).all()
    assert {str(each) for each in found} == {*spaces[:2], str(guest.space_id)}


def test_who_is_a_member_already_keeps_the_greater_role(team) -> None:
    guest = team.join("viewer")
    with team.host.database.session(SYSTEM) as session:  # invited before they came in otherwise
        session.delete(session.get_one(OrganizationMember, (team.id, guest.user_id)))
    team.invite(guest.email, "editor")
    token = team.token(guest.email)
    with team.host.database.session(SYSTEM) as session:
        session.add(
            OrganizationMember(organization_id=team.id, user_id=guest.user_id, role="admin")
        )
    assert accept(guest, token).json()["organization"]["role"] == "admin"
    assert team.roles()[guest.user_id] == "admin"


def test_mails_to_one_address_are_limited(team) -> None:
    codes = [team.invite("somebody@example.com").status_code for _ in range(6)]
    assert codes == [201] * 5 + [429]


def test_a_newcomer_follows_the_link_signs_up_and_joins(team, browser) -> None:
    team.invite("new@example.com", "editor")
    link = f"/invite/{team.token('new@example.com')}"
    page = browser.get(link, headers=HTML)
    assert page.status_code == 200
    assert (page.headers["referrer-policy"], page.headers["x-robots-tag"]) == (
        "no-referrer", "noindex",
    )  # fmt: skip
    assert f'href="/sign-up?next={link}&amp;email=' in page.text
    form = browser.get(f"/sign-up?next={link}", headers=HTML)
    assert f'name="next" value="{link}"' in form.text
    weak = {"email": "new@example.com", "password": "12345678", "next": link}
    assert f'name="next" value="{link}"' in browser.post("/sign-up", data=weak).text
    back = browser.post("/sign-up", data=weak | {"password": PASSWORD}, headers=HTML)
    assert back.url.path == link
    with team.host.database.session(SYSTEM, readonly=True) as session:  # a look joins nobody
        assert len(session.scalars(select(OrganizationMember)).all()) == 1
    token = re.search(r'name="csrf_token" value="([^"]+)"', back.text)
    assert token
    done = browser.post(link, data={"csrf_token": token[1]}, headers=HTML)
    assert done.url.path == "/dashboard"
    me = browser.get("/api/auth/me").json()
    assert (me["space"]["id"], me["space"]["role"]) == (str(team.space_id), "editor")
    assert browser.get(link, headers=HTML).status_code == 410


def test_the_page_says_for_whom_it_is(team) -> None:
    other = team.make_user()
    team.invite("new@example.com")
    link = f"/invite/{team.token('new@example.com')}"
    page = other.client.get(link, headers=HTML)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    refused = other.client.post(link, data={"csrf_token": token[1]}, headers=HTML)
    assert refused.status_code == 403
    assert "new@example.com" in refused.text
    assert other.client.post("/invite/nonsense", data={"csrf_token": token[1]}).status_code == 410


def test_pages_invite_and_take_back(team) -> None:
    client = team.owner.client
    page = client.get("/organization", headers=HTML).text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    form = {"csrf_token": found[1]}
    bad = client.post("/organization/invitations", data={"email": "no", "role": "editor", **form})
    assert bad.status_code == 422
    mine = client.post(
        "/organization/invitations", data={"email": team.owner.email, "role": "editor", **form}
    )
    assert (mine.status_code, "a member already" in mine.text) == (409, True)
    shown = client.post(
        "/organization/invitations", data={"email": "new@example.com", "role": "admin", **form}
    )
    assert shown.url.path == "/organization/members"
    taken = re.search(r'action="(/organization/invitations/[\w-]+/revoke)"', shown.text)
    assert taken
    assert "new@example.com" not in _main(client.post(taken[1], data=form).text)
    assert client.post(taken[1], data=form).status_code == 200


def _main(page: str) -> str:
    return page.partition("<main")[2].partition("</main>")[0]
