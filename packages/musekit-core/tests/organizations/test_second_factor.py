"""An organization that asks its members for a second factor, and who is then where."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pyotp
import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from musekit.audit.models import AuditEntry
from musekit.auth.models import UserSession
from musekit.auth.second_factors import demanded
from musekit.auth.second_factors.models import Passkey
from musekit.kernel.actors import Actor
from musekit.kernel.ids import new_id
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")
HTML = {"accept": "text/html"}
ASKS = "This organization asks its members for a second factor."


def set_up(user: SignedIn) -> None:
    """Turn the authenticator app on, which the session has then proven."""
    secret = user.client.post("/api/auth/totp", json={}).json()["shared_secret"]
    code = {"code": pyotp.TOTP(secret).now()}
    assert user.client.post("/api/auth/totp/confirm", json=code).status_code == 200


def ask(team: Any, *, on: bool = True) -> Any:
    return team.owner.client.put(f"{team.url}/second-factor", json={"asked": on})


def place(user: SignedIn) -> UUID:
    """The space that somebody is in."""
    return UUID(user.client.get("/api/auth/me").json()["space"]["id"])


def switch(user: SignedIn, space_id: UUID) -> Any:
    return user.client.post("/api/spaces/switch", json={"space_id": str(space_id)})


def send(user: SignedIn, path: str, **form: str) -> Any:
    shown = user.client.get("/account", headers=HTML).text
    token = shown.partition('name="csrf_token" value="')[2].partition('"')[0]
    return user.client.post(path, data={"csrf_token": token, **form}, headers=HTML)


def test_who_came_in_without_is_out_and_led_to_set_one_up(team: Any) -> None:
    member = team.join("editor")
    assert place(member) == team.space_id
    set_up(team.owner)
    answer = ask(team)
    assert (answer.status_code, answer.json()) == (200, {"asked": True, "without": 1})
    assert place(team.owner) == team.space_id

    page = member.client.get("/dashboard", headers=HTML)
    assert ASKS in page.text
    assert place(member) == member.space_id  # their own space stays open
    assert ASKS not in member.client.get("/dashboard", headers=HTML).text  # said once
    refused = switch(member, team.space_id)
    assert (refused.status_code, refused.json()["code"]) == (403, "second-factor-needed")
    led = send(member, "/account/space", space_id=str(team.space_id))
    assert led.url.path == "/account/security"
    assert ASKS in led.text
    assert place(member) == member.space_id

    set_up(member)
    assert switch(member, team.space_id).status_code == 200
    assert place(member) == team.space_id
    assert team.owner.client.get(f"{team.url}/second-factor").json()["without"] == 0


def test_who_turns_it_off_is_out_again(team: Any) -> None:
    member = team.join("editor")
    set_up(member)
    set_up(team.owner)
    ask(team)
    assert place(member) == team.space_id
    assert member.client.delete("/api/auth/totp").status_code == 204
    assert place(member) == member.space_id
    assert switch(member, team.space_id).status_code == 403


def test_the_owner_is_not_out_themselves(team: Any) -> None:
    refused = ask(team)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert team.owner.client.get(f"{team.url}/second-factor").json()["asked"] is False
    page = send(team.owner, "/organization/settings/second-factor", on="true")
    assert "You came in without a second factor" in page.text
    set_up(team.owner)
    page = send(team.owner, "/organization/settings/second-factor", on="true")
    assert "with a second factor only" in page.text
    assert "Ask no more" in page.text
    assert team.owner.client.get(f"{team.url}/second-factor").json()["asked"] is True


@pytest.mark.parametrize("role", ["admin", "editor"])
def test_only_owners_ask(team: Any, role: str) -> None:
    member = team.join(role)
    set_up(member)
    path = f"{team.url}/second-factor"
    assert member.client.put(path, json={"asked": True}).status_code == 403
    assert member.client.get(path).status_code == (200 if role == "admin" else 403)
    page = member.client.get("/organization/settings", headers=HTML).text
    assert "Ask members for a second factor" not in page


def test_it_ends_and_leaves_entries(team: Any) -> None:
    member = team.join("viewer")
    set_up(team.owner)
    ask(team)
    ask(team)  # twice is once
    assert switch(member, team.space_id).status_code == 403
    assert ask(team, on=False).json() == {"asked": False, "without": 1}
    assert switch(member, team.space_id).status_code == 200
    with team.host.database.session(SYSTEM, readonly=True) as session:
        acts = session.scalars(
            select(AuditEntry.action)
            .where(AuditEntry.action.like("organization.second_factor%"))
            .order_by(AuditEntry.at, AuditEntry.id)
        ).all()
    assert acts == ["organization.second_factor_asked", "organization.second_factor_not_asked"]


def test_other_settings_leave_it_as_it_is(team: Any) -> None:
    set_up(team.owner)
    ask(team)
    path = f"{team.url}/settings"
    assert team.owner.client.patch(path, json={"timezone": "Europe/Berlin"}).status_code == 200
    assert demanded.KEY not in team.owner.client.get(path).json()
    assert team.owner.client.patch(path, json={demanded.KEY: False}).status_code == 422
    assert team.owner.client.get(f"{team.url}/second-factor").json()["asked"] is True


def test_a_space_that_comes_later_asks_too(team: Any) -> None:
    member = team.join("admin")
    set_up(team.owner)
    ask(team)
    made = team.owner.client.post(f"{team.url}/spaces", json={"name": "A client"})
    assert made.status_code == 201, made.text
    demanded.forget(team.host)  # as five seconds do
    assert switch(member, UUID(made.json()["id"])).status_code == 403


def test_tokens_of_who_has_none_do_nothing(team: Any, app: Any) -> None:
    member = team.join("editor")
    body = {"name": "program", "scopes": ["*"]}
    token = member.client.post("/api/auth/tokens", json=body).json()["token"]
    program = TestClient(app, headers={"authorization": f"Bearer {token}"})
    assert program.get(team.url).status_code == 200
    set_up(team.owner)
    ask(team)
    assert program.get(team.url).status_code == 403
    set_up(member)
    assert program.get(team.url).status_code == 200


def test_who_joins_later_is_led_as_well(team: Any) -> None:
    set_up(team.owner)
    ask(team)
    newcomer = team.make_user()
    assert team.invite(newcomer.email).status_code == 201
    page = send(newcomer, f"/invite/{team.token(newcomer.email)}")
    assert page.url.path == "/account/security"
    assert "You are a member of" in page.text
    assert place(newcomer) == newcomer.space_id
    assert newcomer.user_id in team.roles()


def test_a_passkey_is_one(team: Any) -> None:
    member = team.join("editor")
    set_up(team.owner)
    with team.host.database.session(SYSTEM) as session:
        key = new_id()
        session.add(
            Passkey(id=key, user_id=member.user_id, credential_id=key.bytes, public_key=b"x",
                    name="phone")
        )  # fmt: skip
    assert ask(team).json()["without"] == 0
    assert switch(member, team.space_id).status_code == 403  # they came by the password
    with team.host.database.session(SYSTEM) as session:
        session.execute(
            update(UserSession)
            .where(UserSession.user_id == member.user_id)
            .values(methods=["password", "passkey"])
        )
    assert switch(member, team.space_id).status_code == 200


def test_it_holds_for_that_organization_alone(team: Any) -> None:
    member = team.join("editor")
    made = member.client.post("/api/organizations", json={"name": "Their own"}).json()
    set_up(team.owner)
    ask(team)
    assert switch(member, UUID(made["space"]["id"])).status_code == 200
    assert switch(member, team.space_id).status_code == 403


@pytest.mark.parametrize("who", ["an operator", "an organization's own service"])
def test_who_is_proven_otherwise_stays(team: Any, who: str) -> None:
    member = team.join("editor")
    set_up(team.owner)
    by_service: dict[str, Any] = {"organization_id": team.id}
    operator = team.make_user()
    values = by_service if who != "an operator" else acting(team, operator)
    with team.host.database.session(SYSTEM) as session:
        session.execute(
            update(UserSession)
            .where(UserSession.user_id == member.user_id)
            .values(methods=[], **values)
        )
    ask(team)
    assert place(member) == team.space_id


def acting(team: Any, operator: SignedIn) -> dict[str, Any]:
    from musekit.auth.models import User

    with team.host.database.session(SYSTEM) as session:
        session.get_one(User, operator.user_id).is_operator = True
        own = session.scalars(
            select(UserSession.id).where(UserSession.user_id == operator.user_id)
        ).one()
    return {"impersonator_user_id": operator.user_id, "impersonator_session_id": own}
