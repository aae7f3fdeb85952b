"""People by JSON: the same list and acts as on the pages, under the same rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from musekit.audit.models import AuditEntry
from musekit.auth.models import User, UserSession
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")


def noted(host: Host) -> list[str]:
    with host.database.session(SYSTEM, readonly=True) as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.at, AuditEntry.id)).all()
    return [e.action for e in entries if e.action not in ("user.signed_in", "user.signed_up")]


def test_every_person_is_listed_once_over_all_pages(host: Host, operator: Any) -> None:
    with host.database.session(SYSTEM) as session:
        for at in range(120):
            email = f"person{at:03}@crowd.example"
            session.add(User(email=email, email_key=email, email_verified_at=utc_now()))
    seen: list[str] = []
    cursor = ""
    while True:
        page = operator.got("/users", search="CROWD", cursor=cursor)
        seen += [each["email"] for each in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == 120
    unconfirmed = operator.got("/users", state="unconfirmed")["items"]
    assert [each["email"] for each in unconfirmed] == ["operator@example.com"]
    assert operator.ask("GET", "/users", cursor="x").status_code == 422
    assert operator.ask("GET", "/users", state="evil").status_code == 422


def test_one_person_and_why_they_have_their_tier(
    host: Host, operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    person = make_user("ada@example.com")
    path = f"/users/{person.user_id}"
    found = operator.got(path)
    assert found["user"]["email"] == "ada@example.com"
    assert found["ways_in"] == {
        "sessions": 1, "api_tokens": 1, "totp": False, "passkeys": 0, "identity_providers": [],
    }  # fmt: skip
    assert [each["id"] for each in found["spaces"]] == [str(person.space_id)]
    assert [each["tier"] for each in found["decisions"]] == ["tier_1"]
    assert [each["step"] for each in found["decisions"][0]["steps"]] == [1, 2, 3, 4, 5, 6]
    given = {"tier": "tier_2", "reason": "a friend", "days": 7}
    assert operator.ask("PUT", f"{path}/grants/things", given).status_code == 204
    found = operator.got(path)
    assert found["decisions"][0]["tier"] == "tier_2"
    assert [(each["tier"], each["reason"]) for each in found["grants"]] == [("tier_2", "a friend")]
    assert operator.ask("DELETE", f"{path}/grants/things").status_code == 204
    assert operator.ask("DELETE", f"{path}/grants/things").status_code == 404
    assert operator.got(path)["grants"] == []
    assert noted(host) == ["tier.granted", "tier.taken_back"]
    refused = operator.ask("PUT", f"{path}/grants/nothing", given)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "product")
    assert operator.ask("GET", f"/users/{new_id()}").status_code == 404


def test_closed_opened_and_signed_out(
    host: Host, operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    person = make_user()
    path = f"/users/{person.user_id}"
    assert operator.ask("POST", f"{path}/sign-out").json() == {"browsers": 1}
    assert person.client.get("/api/auth/me").status_code == 401
    assert operator.ask("POST", f"{path}/close", {"reason": " "}).status_code == 422
    assert operator.ask("POST", f"{path}/close", {"reason": "spam"}).status_code == 204
    assert person.client.get("/api/auth/me", headers=person.headers).status_code == 401
    assert operator.got(path)["user"]["disabled_at"]
    assert operator.ask("POST", f"{path}/reset-link").status_code == 409
    assert operator.ask("POST", f"{path}/open").status_code == 204
    assert person.client.get("/api/auth/me", headers=person.headers).status_code == 200
    assert operator.ask("POST", f"{path}/reset-link").status_code == 204
    assert operator.ask("POST", f"{path}/confirm-link").status_code == 204
    me = f"/users/{operator.user.user_id}"
    assert operator.ask("POST", f"{me}/close", {"reason": "tired"}).status_code == 409
    assert noted(host) == [
        "user.signed_out", "user.disabled", "user.enabled", "user.reset_mailed",
        "user.confirmation_mailed",
    ]  # fmt: skip


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_dangerous_act_asks_who_it_is(
    host: Host, operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    person = make_user()
    path = f"/users/{person.user_id}"
    with host.database.session(SYSTEM) as session:
        session.execute(
            update(UserSession)
            .where(UserSession.user_id == operator.user.user_id)
            .values(authenticated_at=utc_now().replace(year=2020))
        )
    assert operator.got(path)["user"]["disabled_at"] is None  # to read is no danger
    refused = operator.ask("POST", f"{path}/close", {"reason": "spam"})
    assert (refused.status_code, refused.json()["code"]) == (403, "reauthenticate")
    assert operator.got(path)["user"]["disabled_at"] is None


@pytest.mark.parametrize("backend", ["sqlite"])
def test_for_the_operator_in_a_browser_alone(
    operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    other = make_user()
    assert other.client.get("/api/admin/users").status_code == 403
    token = operator.user.headers
    assert other.client.get("/api/admin/users", headers=token).status_code == 403
    fields = {"reason": "spam", "is_operator": True}
    path = f"/users/{other.user_id}/close"
    assert operator.ask("POST", path, fields).status_code == 422  # what is unknown is refused
