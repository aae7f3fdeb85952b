"""Invitations in wrong hands: of who has no say any more, sent again, guessed, for elsewhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from musekit.auth import removal
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.organizations.models import Invitation

SYSTEM = Actor.system("tests")


def accept(user: Any, token: str) -> int:
    answer = user.client.post("/api/invitations/accept", json={"token": token})
    return int(answer.status_code)


def again(team: Any, invitation_id: str, by: Any = None) -> Any:
    return (by or team.owner).client.post(f"{team.url}/invitations/{invitation_id}/again", json={})


def test_sent_again_it_is_another_link_for_as_long_as_ever(team) -> None:
    guest = team.make_user()
    first = team.invite(guest.email, "viewer").json()
    old = team.token(guest.email)
    with team.host.database.session(SYSTEM) as session:
        session.execute(update(Invitation).values(expires_at=utc_now() - timedelta(days=1)))
    listed = team.owner.client.get(f"{team.url}/invitations").json()["items"]
    assert [each["id"] for each in listed] == [first["id"]]  # too old, and there to be sent again
    second = again(team, first["id"])
    assert second.status_code == 200
    assert (second.json()["id"], second.json()["role"], second.json()["sends"]) == (
        first["id"], "viewer", 2,
    )  # fmt: skip
    assert second.json()["space_ids"] == [str(team.space_id)]
    assert accept(guest, old) == 410
    assert accept(guest, team.token(guest.email)) == 200
    assert again(team, first["id"]).status_code == 404  # accepted
    assert team.roles()[guest.user_id] == "viewer"


def test_sent_again_too_often_it_is_refused(team) -> None:
    made = team.invite("new@example.com").json()
    statuses = [again(team, made["id"]).status_code for _ in range(6)]
    assert statuses[0] == 200
    assert statuses[-1] == 429
    with team.host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(Invitation.sends)).one() == 1 + statuses.count(200)


def test_only_those_of_ones_own_organization(team) -> None:
    made = team.invite("new@example.com").json()
    other = team.make_user()
    own = other.client.post("/api/organizations", json={"name": "Other"}).json()
    team.go(other, own["space"]["id"])
    url = f"/api/organizations/{own['organization']['id']}/invitations"
    for target in (made["id"], str(uuid4())):
        assert other.client.post(f"{url}/{target}/again", json={}).status_code == 404
        assert other.client.delete(f"{url}/{target}").status_code == 404
    assert again(team, made["id"], by=team.join("editor")).status_code == 403


@pytest.mark.parametrize("how", ["leaves", "is taken out", "is put down", "is deleted"])
def test_what_an_admin_invited_ends_with_their_say(team, how: str) -> None:
    admin, guest, other = team.join("admin"), team.make_user(), team.make_user()
    assert team.invite(guest.email, "admin", by=admin).status_code == 201
    assert team.invite(other.email, "viewer").status_code == 201  # the owner's stays
    link = team.token(guest.email)
    member = f"{team.url}/members/{admin.user_id}"
    if how == "leaves":
        assert admin.client.post(f"{team.url}/leave", json={}).status_code == 204
    elif how == "is taken out":
        assert team.owner.client.delete(member).status_code == 204
    elif how == "is put down":
        assert team.owner.client.patch(member, json={"role": "editor"}).status_code == 204
    else:
        with team.host.database.session(SYSTEM) as session:
            removal.remove(session, admin.user_id)
    assert accept(guest, link) == 410
    assert guest.user_id not in team.roles()
    assert accept(other, team.token(other.email)) == 200


def test_spaces_of_others_are_not_invited_to(team, form) -> None:
    stranger, client = team.make_user(), team.owner.client
    own = stranger.client.post("/api/organizations", json={"name": "Other"}).json()
    for space_id in (own["space"]["id"], stranger.space_id, team.owner.space_id):
        guest = f"{space_id}@example.com"  # of one mailbox only a few are let through
        assert team.invite(guest, space_ids=[str(space_id)]).status_code == 404
        data = form(client, email=guest, role="editor", space_ids=str(space_id))
        assert client.post("/organization/invitations", data=data).status_code == 404
    with team.host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(Invitation)).all() == []


def test_the_form_sends_to_the_spaces_that_are_ticked(team, form) -> None:
    client, guest = team.owner.client, team.make_user()
    made = client.post(f"{team.url}/spaces", json={"name": "Client"}).json()
    data = form(client, email=guest.email, role="editor", space_ids=made["id"])
    assert "is invited" in client.post("/organization/invitations", data=data).text
    page = client.get("/organization/members").text
    assert page.count('name="space_ids"') == 2
    found = page.partition("/organization/invitations/")[2].partition("/again")[0]
    shown = client.post(f"/organization/invitations/{found}/again", data=form(client))
    assert "gets another mail" in shown.text
    assert accept(guest, team.token(guest.email)) == 200
    assert guest.user_id not in team.roles()
    team.go(guest, made["id"])
    shown = client.post(f"/organization/invitations/{found}/again", data=form(client))
    assert "over already" in shown.text


def test_a_newcomer_finds_the_address_filled_in(team, browser) -> None:
    team.invite("new+one@example.com")
    page = browser.get(f"/invite/{team.token('new+one@example.com')}").text
    found = page.partition('href="/sign-up')[2].partition('"')[0].replace("&amp;", "&")
    assert 'value="new+one@example.com"' in browser.get(f"/sign-up{found}").text
