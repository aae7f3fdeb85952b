"""Who reads the log of an organization, of a space, of an account; and what they read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pyotp
import pytest
from sqlalchemy import select

from musekit.audit.models import AuditEntry
from musekit.audit.service import record
from musekit.auth import closing
from musekit.auth.models import User
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD, SignedIn

from .conftest import Team, go

SYSTEM = Actor.system("tests")
MakeUser = Callable[..., SignedIn]
HTML = {"accept": "text/html"}


def note(
    host: Host, by: SignedIn, action: str, *, space_id: UUID | None = None, **more: Any
) -> None:
    actor = Actor(kind="user", name="x", user_id=by.user_id, space_id=space_id)
    with host.database.session(SYSTEM) as session:
        record(session, actor, action, **more)


def listed(user: SignedIn, path: str = "/api/audit", **query: Any) -> list[dict[str, Any]]:
    answer = user.client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def actions(user: SignedIn, path: str = "/api/audit", **query: Any) -> list[str]:
    return [each["action"] for each in listed(user, path, **query)]


def main(user: SignedIn, path: str) -> str:
    answer = user.client.get(path, headers=HTML)
    assert answer.status_code == 200
    return answer.text.partition("<main")[2]


def test_an_organization_reads_what_is_in_its_spaces_and_what_concerns_it(
    host: Host, team: Team, make_user: MakeUser
) -> None:
    other = make_user()
    note(host, team.owner, "thing.first", space_id=team.first)
    note(host, team.owner, "thing.second", space_id=team.second)
    note(host, other, "thing.about", space_id=other.space_id, organization_id=team.id)
    note(host, team.owner, "thing.home", space_id=team.owner.space_id)
    note(host, other, "thing.elsewhere", space_id=other.space_id)
    assert actions(team.owner) == ["thing.about", "thing.second", "thing.first"]
    about, second, _ = listed(team.owner)
    assert (second["space_id"], second["user_id"], second["name"]) == (
        str(team.second), str(team.owner.user_id), "owner@example.com",
    )  # fmt: skip
    # Who is no member, and where they were, is nobody's business here.
    assert (about["space_id"], about["user_id"], about["name"]) == (None, None, "")
    page = main(team.owner, "/organization/audit")
    assert "thing: second" in page
    assert "Client" in page
    assert "somebody who is not here any more" in page
    assert other.email not in page
    go(team.owner, team.owner.space_id)
    assert actions(team.owner) == ["thing.home"]


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("editor", 403), ("viewer", 403)])
def test_admins_read_it(team: Team, make_user: MakeUser, role: str, status: int) -> None:
    user = team.add(make_user(), role)
    assert user.client.get("/api/audit").status_code == status
    assert user.client.get("/organization/audit", headers=HTML).status_code == status
    tab = 'href="/organization/audit"'
    assert (tab in user.client.get("/organization", headers=HTML).text) == (status == 200)


def test_a_token_reads_it_if_it_may(host: Host, team: Team) -> None:
    made = team.owner.client.post("/api/auth/tokens", json={"name": "x", "scopes": ["audit.read"]})
    bearer = {"authorization": f"Bearer {made.json()['token']}"}
    note(host, team.owner, "thing.made", space_id=team.first)
    team.owner.client.cookies.clear()
    answer = team.owner.client.get("/api/audit", headers=bearer)
    assert [each["action"] for each in answer.json()["items"]] == ["thing.made"]
    assert team.owner.client.get("/api/audit/own", headers=bearer).status_code == 403


def test_it_is_filtered_and_read_to_its_end(host: Host, team: Team, make_user: MakeUser) -> None:
    other = team.add(make_user(), "editor")
    for number in range(53):
        note(host, team.owner, f"thing.n{number:02}", space_id=team.first)
    note(host, other, "post.made", space_id=team.first, target=("post", "p-1"))
    assert actions(team.owner, search="P-1") == ["post.made"]
    assert actions(team.owner, who=str(other.user_id)) == ["post.made"]
    assert actions(team.owner, search="%") == []
    assert actions(team.owner, span="day")[0] == "post.made"
    first = team.owner.client.get("/api/audit").json()
    second = team.owner.client.get("/api/audit", params={"cursor": first["next_cursor"]}).json()
    assert [len(each["items"]) for each in (first, second)] == [50, 4]
    assert second["next_cursor"] is None
    assert len({each["id"] for each in first["items"] + second["items"]}) == 54
    page = main(team.owner, f"/organization/audit?who={other.user_id}&search=post")
    assert "post: made" in page
    assert "thing: n01" not in page
    assert "Nothing like that" in main(team.owner, "/organization/audit?search=nowhere")


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("query", ["cursor=x", "cursor=AAAA", "span=age", "who=me"])
def test_bad_questions_are_refused(team: Team, query: str) -> None:
    assert team.owner.client.get(f"/api/audit?{query}").status_code == 422


def test_what_operators_do_stands_in_no_space_that_they_are_in(
    host: Host, team: Team, make_user: MakeUser
) -> None:
    boss, person = team.add(make_user(), "admin"), make_user()
    with host.database.session(SYSTEM) as session:
        session.get_one(User, boss.user_id).is_operator = True
    token = main(boss, "/account").partition('name="csrf_token" value="')[2].partition('"')[0]
    path = f"/admin/users/{person.user_id}/confirm-link"
    boss.client.post(path, data={"csrf_token": token})
    with host.database.session(SYSTEM, readonly=True) as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "user.confirmation_mailed")
        ).one()
    assert (entry.actor_user_id, entry.in_space_id) == (boss.user_id, None)
    assert "user.confirmation_mailed" not in actions(team.owner)
    [told] = [each for each in listed(person, "/api/audit/own") if each["by_operator"]]
    assert (told["action"], told["user_id"]) == ("user.confirmation_mailed", None)


def test_ones_own_account(host: Host, team: Team, make_user: MakeUser) -> None:
    ada = make_user("ada@example.com")
    for way in ({"password": "wrong " * 3}, {"password": PASSWORD}):
        ada.client.post("/api/auth/sign-in", json={"email": ada.email, **way})
    note(host, ada, "thing.made", space_id=ada.space_id)
    with host.database.session(SYSTEM) as session:
        closing.disable(session, SYSTEM, ada.user_id, reason="spam")
        closing.enable(session, SYSTEM, ada.user_id)
    ada.client.post("/api/auth/sign-in", json={"email": ada.email, "password": PASSWORD})
    assert actions(ada, "/api/audit/own") == [
        "user.signed_in", "user.enabled", "user.disabled", "user.signed_in",
        "user.sign_in_failed", "user.signed_in",
    ]  # fmt: skip
    failed = listed(ada, "/api/audit/own")[4]
    assert (failed["user_id"], failed["detail"]["wrong"]) == (None, "password")
    page = main(ada, "/account/activity")
    assert page.count("user: signed in") == 3
    assert "testclient" in page
    assert "wrong: password" in page
    assert "thing: made" not in page
    assert "user.sign_in_failed" not in actions(team.owner, "/api/audit/own")


def test_ones_own_acts_are_in_the_export(host: Host, make_user: MakeUser) -> None:
    ada = make_user()
    told = ada.client.get("/api/auth/export").json()["musekit"]["activity"]
    assert [each["action"] for each in told] == ["user.signed_in"]
    assert told[0]["from"] == "testclient"


def test_a_try_with_an_address_of_nobody_is_written_down_without_it(
    host: Host, client: Any
) -> None:
    client.post("/api/auth/sign-in", json={"email": "no@example.com", "password": "x" * 12})
    with host.database.session(SYSTEM, readonly=True) as session:
        [entry] = session.scalars(select(AuditEntry)).all()
    assert (entry.action, entry.target_id) == ("user.sign_in_failed", "")
    assert "no@example.com" not in str(entry.detail)


def test_a_wrong_code_is_written_down(host: Host, make_user: MakeUser, client: Any) -> None:
    ada = make_user("ada@example.com")
    secret = ada.client.post("/api/auth/totp", json={}).json()["shared_secret"]
    code = pyotp.TOTP(secret).now()
    assert ada.client.post("/api/auth/totp/confirm", json={"code": code}).is_success
    body = {"email": ada.email, "password": PASSWORD}
    assert client.post("/api/auth/sign-in", json=body).status_code == 202
    wrong = client.post("/api/auth/sign-in/second-factor", json={"code": "000000"})
    assert wrong.status_code == 401
    told = listed(ada, "/api/audit/own")[0]
    assert (told["action"], told["detail"]["wrong"]) == ("user.sign_in_failed", "code")


def test_who_does_not_prove_who_they_are_is_written_down(host: Host, make_user: MakeUser) -> None:
    ada = make_user()
    answer = ada.client.post("/api/auth/re-authenticate", json={"password": "wrong " * 3})
    assert answer.status_code == 401
    assert actions(ada, "/api/audit/own")[0] == "user.sign_in_failed"
