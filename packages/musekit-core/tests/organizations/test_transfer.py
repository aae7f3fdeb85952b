"""Handing an organization over: by an owner, who has just proven it, to an admin."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from musekit.audit.models import AuditEntry
from musekit.auth.models import UserSession
from musekit.email import service as email
from musekit.email.models import OutboxMail
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import db_after
from musekit.spaces.models import SpaceMember

SYSTEM = Actor.system("tests")


def transfer(team: Any, to: Any, by: Any = None) -> int:
    body = {"user_id": str(to.user_id)}
    return int((by or team.owner).client.post(f"{team.url}/transfer", json=body).status_code)


def mails(team: Any, template: str) -> dict[str, str]:
    with team.host.database.session(SYSTEM, readonly=True) as session:
        rows = session.scalars(select(OutboxMail).where(OutboxMail.template == template)).all()
        return {row.to_email: email.unseal(team.host, row).text for row in rows}


def test_an_admin_becomes_the_owner_and_the_owner_an_admin(team) -> None:
    admin, other = team.join("admin"), team.join("editor")
    made = team.owner.client.post(f"{team.url}/spaces", json={"name": "Client"}).json()
    assert transfer(team, admin) == 204
    wanted = {team.owner.user_id: "admin", admin.user_id: "owner"}
    assert team.roles() == wanted | {other.user_id: "editor"}
    assert team.roles_in(UUID(made["id"]), SpaceMember) == wanted
    assert transfer(team, other) == 403  # no owner any more
    told = mails(team, "organization-transferred")
    assert set(told) == {team.owner.email, admin.email}
    assert "You own it from now on" in told[admin.email]
    assert "one of its admins" in told[team.owner.email]
    with team.host.database.session(SYSTEM, readonly=True) as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "organization.transferred")
        ).one()
    assert (entry.actor_user_id, entry.target_id) == (team.owner.user_id, str(admin.user_id))


def test_to_nobody_else(team) -> None:
    editor, stranger = team.join("editor"), team.make_user()
    admin = team.join("admin")
    for who, status in ((editor, 409), (stranger, 404), (team.owner, 409)):
        assert transfer(team, who) == status
    for by in (admin, editor):
        assert transfer(team, admin, by=by) == 403
    assert transfer(team, admin, by=stranger) == 404
    assert team.roles()[team.owner.user_id] == "owner"


def test_not_long_after_the_sign_in_and_not_by_a_token(team, browser) -> None:
    admin = team.join("admin")
    made = team.owner.client.post("/api/auth/tokens", json={"name": "t", "scopes": ["*"]}).json()
    headers = {"authorization": f"Bearer {made['token']}"}
    body = {"user_id": str(admin.user_id)}
    assert browser.post(f"{team.url}/transfer", json=body, headers=headers).status_code == 403
    with team.host.database.session(SYSTEM) as session:
        session.execute(update(UserSession).values(authenticated_at=db_after(-3600)))
    answer = team.owner.client.post(f"{team.url}/transfer", json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "reauthenticate")
    page = team.owner.client.get(
        "/organization/transfer", headers={"accept": "text/html"}, follow_redirects=False
    )
    assert page.headers["location"] == "/re-authenticate?next=%2Forganization%2Ftransfer"
    assert team.roles()[admin.user_id] == "admin"


def test_the_page(team, form) -> None:
    client = team.owner.client
    assert "no admin to hand it to" in client.get("/organization/transfer").text
    editor, admin = team.join("editor"), team.join("admin")
    page = client.get("/organization/transfer").text
    assert str(admin.user_id) in page
    assert str(editor.user_id) not in page
    refused = client.post("/organization/transfer", data=form(client, user_id=str(editor.user_id)))
    assert (refused.status_code, "Make them an admin first" in refused.text) == (409, True)
    done = client.post("/organization/transfer", data=form(client, user_id=str(admin.user_id)))
    assert f"belongs to {admin.email} now" in done.text
    assert client.get("/organization/transfer").status_code == 403


def test_who_is_given_another_role_is_told(team) -> None:
    editor = team.join("editor")
    assert editor.email in mails(team, "member-joined")[team.owner.email]
    url = f"{team.url}/members/{editor.user_id}"
    team.owner.client.patch(url, json={"role": "editor"})  # the same: no news
    assert mails(team, "role-changed") == {}
    team.owner.client.patch(url, json={"role": "viewer"})
    (text,) = mails(team, "role-changed").values()
    assert "made you viewer of “Juniper & Söhne”" in text
