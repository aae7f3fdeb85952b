"""An operator acts as a person: seen on every page, told, logged, refused where it is personal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from musekit.audit.models import AuditEntry
from musekit.auth import closing, endings, sessions
from musekit.auth.models import User, UserSession
from musekit.auth.settings import AuthSettings
from musekit.email import service as mail
from musekit.email.models import OutboxMail
from musekit.housekeeping.jobs import sweep
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.organizations import service as organizations
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")
COOKIE = "musekit_session"
BANNER = "You act as ada@example.com"


@pytest.fixture
def ada(host: Host, make_user: Callable[..., SignedIn]) -> SignedIn:
    person = make_user("ada@example.com")
    with host.database.session(SYSTEM) as session:
        session.get_one(User, person.user_id).email_verified_at = utc_now()
    return person


def begin(operator: Any, person: SignedIn, reason: str = "the calendar is empty") -> Any:
    answer = operator.send(f"/admin/users/{person.user_id}/impersonate", reason=reason)
    operator.token = ""  # the browser has another session now, whose forms carry another
    return answer


def me(operator: Any) -> str:
    said = operator.user.client.get("/api/auth/me").json()
    email: str = said["user"]["email"] if "user" in said else "nobody"
    return email


def entries(host: Host, prefix: str = "impersonation.") -> list[AuditEntry]:
    with host.database.session(SYSTEM, readonly=True) as session:
        rows = session.scalars(select(AuditEntry).order_by(AuditEntry.at, AuditEntry.id)).all()
    return [each for each in rows if each.action.startswith(prefix)]


def test_in_and_out_again(host: Host, operator: Any, ada: SignedIn) -> None:
    before = operator.user.client.cookies[COOKIE]
    answer = begin(operator, ada)
    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard")
    assert "Max-Age=3600" in answer.headers["set-cookie"]
    during = operator.user.client.cookies[COOKIE]
    assert me(operator) == "ada@example.com"
    assert operator.page("/admin").status_code == 403
    old = TestClient(operator.user.client.app)
    old.cookies.set(COOKIE, before)
    assert old.get("/api/auth/me").status_code == 401  # one of the two at a time
    answer = operator.send("/impersonation/end")
    assert answer.headers["location"] == f"/admin/users/{ada.user_id}"
    assert me(operator) == "operator@example.com"
    assert operator.page("/admin").status_code == 200
    assert operator.user.client.cookies[COOKIE] not in {before, during}
    old.cookies.set(COOKIE, during)
    assert old.get("/api/auth/me").status_code == 401
    assert ada.client.get("/api/auth/me").status_code == 200


def test_every_page_says_so_and_says_how_to_stop(operator: Any, ada: SignedIn) -> None:
    assert BANNER not in operator.page("/dashboard").text
    begin(operator, ada)
    for path in ("/dashboard", "/account", "/organization", "/account/tokens"):
        page = operator.page(path).text
        assert BANNER in page, path
        assert 'action="/impersonation/end"' in page, path
    assert BANNER not in ada.client.get("/dashboard", headers={"accept": "text/html"}).text


def test_the_person_is_told_and_sees_it_with_their_sessions(
    host: Host, operator: Any, ada: SignedIn
) -> None:
    begin(operator, ada, "you asked about the calendar")
    with host.database.session(SYSTEM, readonly=True) as session:
        row = session.scalars(
            select(OutboxMail).where(OutboxMail.template == "impersonation-notice")
        ).one()
    assert row.to_email == "ada@example.com"
    text = mail.unseal(host, row).text
    assert "you asked about the calendar" in text
    assert "60 minutes" in text
    assert "operator@example.com" not in text
    page = ada.client.get("/account/sessions", headers={"accept": "text/html"}).text
    assert "the operator acts as you" in page
    assert "you asked about the calendar" in page
    # They can end it, by the list of their sessions.
    sessions = ada.client.get("/api/auth/sessions").json()["items"]
    other = next(each for each in sessions if each["by_operator"])
    assert ada.client.delete(f"/api/auth/sessions/{other['id']}").is_success
    assert me(operator) == "nobody"


@pytest.mark.parametrize("backend", ["sqlite"])
def test_no_mail_to_a_mailbox_that_may_be_a_strangers(
    host: Host, operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    begin(operator, make_user("bob@example.com"))
    assert me(operator) == "bob@example.com"
    with host.database.session(SYSTEM, readonly=True) as session:
        mails = session.scalars(select(OutboxMail.template)).all()
    assert "impersonation-notice" not in mails


def test_both_stand_in_the_log(host: Host, operator: Any, ada: SignedIn) -> None:
    begin(operator, ada)
    operator.send("/account", name="Ada L.", timezone="UTC")
    operator.user.client.get("/api/auth/me")
    operator.send("/impersonation/end")
    began, *asked, ended = entries(host)
    assert (began.action, ended.action) == ("impersonation.began", "impersonation.ended")
    assert (began.actor_user_id, began.target_id) == (operator.user.user_id, str(ada.user_id))
    assert began.detail == {"minutes": 60, "reason": "the calendar is empty"}
    assert began.in_space_id is None  # the operator's own space has no part in it
    assert [(each.target_id, each.detail) for each in asked] == [
        ("/account", {"method": "POST"}), ("/impersonation/end", {"method": "POST"}),
    ]  # fmt: skip
    for each in (*asked, ended):
        assert (each.actor_user_id, each.impersonator_id) == (ada.user_id, operator.user.user_id)
    assert {each.in_space_id for each in asked} == {ada.space_id}
    assert began.ip == "testclient"


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/auth/tokens", {"name": "x", "scopes": ["*"]}),
        ("POST", "/api/auth/password", {"password": "a pelican under umbrellas"}),
        ("POST", "/api/auth/email", {"email": "else@example.com"}),
        ("POST", "/api/auth/totp", {}),
        ("POST", "/api/auth/passkeys/options", {}),
        ("GET", "/api/auth/export", None),
        ("DELETE", "/api/auth/me", {"email": "ada@example.com"}),
        ("POST", "/api/billing/checkout", {"product": "things", "tier": "tier_2"}),
    ],
)
def test_what_is_the_persons_alone_is_refused(
    operator: Any, ada: SignedIn, method: str, path: str, body: Any
) -> None:
    begin(operator, ada)
    answer = operator.user.client.request(method, path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "impersonated")


def test_nobody_stays_by_way_of_it(host: Host, operator: Any, ada: SignedIn) -> None:
    """An operator who acts as an owner makes nobody a member: that would outlast the hour."""
    with host.database.session(SYSTEM) as session:
        made, space = organizations.create(session, ada.user_id, "Juniper")
        url, space_id = f"/api/organizations/{made.id}", str(space.id)
    begin(operator, ada)
    client = operator.user.client
    assert client.post("/api/spaces/switch", json={"space_id": space_id}).is_success
    body = {"email": "operator@example.com", "role": "admin"}
    for answer in (
        client.post(f"{url}/invitations", json=body),
        client.patch(f"{url}/members/{ada.user_id}", json={"role": "viewer"}),
        client.post(f"{url}/transfer", json={"user_id": str(operator.user.user_id)}),
        client.post(f"{url}/delete", json={"name": "Juniper"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "impersonated")
    assert client.patch(url, json={"name": "Juniper & Sons"}).is_success  # other help is given
    # The organization's admins read what was done, and by whom.
    [seen] = [each for each in entries(host, "organization.") if each.action.endswith("renamed")]
    assert seen.impersonator_id == operator.user.user_id


def test_it_is_over_after_its_time(host: Host, operator: Any, ada: SignedIn) -> None:
    begin(operator, ada)
    with host.database.session(SYSTEM) as session:
        row = session.scalars(
            select(UserSession).where(UserSession.impersonator_user_id.is_not(None))
        ).one()
        assert row.expires_at - row.created_at == timedelta(minutes=60)
        row.last_seen_at = utc_now() - timedelta(hours=2)  # it would be written again, and moved
    assert me(operator) == "ada@example.com"
    with host.database.session(SYSTEM) as session:
        row = session.scalars(
            select(UserSession).where(UserSession.impersonator_user_id.is_not(None))
        ).one()
        assert row.expires_at - row.created_at == timedelta(minutes=60)
        row.expires_at = utc_now()
    assert me(operator) == "nobody"


@pytest.mark.parametrize("what", ["no operator", "closed", "signed out"])
def test_it_is_over_when_the_operator_is(
    host: Host, operator: Any, ada: SignedIn, what: str
) -> None:
    begin(operator, ada)
    assert me(operator) == "ada@example.com"
    with host.database.session(SYSTEM) as session:
        user = session.get_one(User, operator.user.user_id)
        if what == "no operator":
            user.is_operator = False
        elif what == "closed":
            user.disabled_at = utc_now()
        else:
            for row in session.scalars(select(UserSession).where(UserSession.user_id == user.id)):
                session.delete(row)
    assert me(operator) == "nobody"


def test_signing_out_signs_the_operator_out_too(host: Host, operator: Any, ada: SignedIn) -> None:
    begin(operator, ada)
    operator.send("/sign-out")
    assert me(operator) == "nobody"
    with host.database.session(SYSTEM, readonly=True) as session:
        left = session.scalars(select(UserSession.user_id)).all()
    assert left == [ada.user_id]  # her own browser
    assert entries(host)[-1].action == "impersonation.ended"


def test_the_end_of_its_time_is_in_the_log(host: Host, operator: Any, ada: SignedIn) -> None:
    begin(operator, ada)
    with host.database.session(SYSTEM) as session:
        sessions.sweep(session)
    assert entries(host)[-1].action == "impersonation.began"  # it goes on
    with host.database.session(SYSTEM) as session:
        session.execute(
            update(UserSession)
            .where(UserSession.impersonator_user_id.is_not(None))
            .values(expires_at=utc_now())
        )
    assert me(operator) == "nobody"
    sweep(host)
    sweep(host)
    _, ended = entries(host)
    assert (ended.action, ended.detail) == ("impersonation.ended", {"how": "expired"})
    assert (ended.actor_user_id, ended.target_id) == (ada.user_id, str(ada.user_id))
    assert ended.impersonator_id == operator.user.user_id
    with host.database.session(SYSTEM, readonly=True) as session:
        left = session.scalars(select(UserSession.user_id)).all()
    assert left == [ada.user_id]  # the operator's own, whose secret nobody has, is gone, too


@pytest.mark.parametrize("what", ["one", "all", "the operator is shut out"])
def test_an_end_that_others_make_is_in_the_log(
    host: Host, operator: Any, ada: SignedIn, what: str
) -> None:
    begin(operator, ada)
    listed = ada.client.get("/api/auth/sessions").json()["items"]
    theirs = next(each["id"] for each in listed if each["by_operator"])
    if what == "one":
        assert ada.client.delete(f"/api/auth/sessions/{theirs}").is_success
    with host.database.session(SYSTEM) as session:
        if what == "all":
            endings.end_everything(session, ada.user_id)
        elif what != "one":
            session.get_one(User, ada.user_id).is_operator = True  # another stays
            session.flush()
            closing.disable(session, SYSTEM, operator.user.user_id)
    ended = [each for each in entries(host) if each.action == "impersonation.ended"]
    assert [each.target_id for each in ended] == [str(ada.user_id)]
    assert me(operator) == "nobody"


@pytest.mark.parametrize("backend", ["sqlite"])
def test_not_everybody_and_not_without_a_reason(
    host: Host, operator: Any, ada: SignedIn, make_user: Callable[..., SignedIn]
) -> None:
    assert begin(operator, ada, "  ").status_code == 422
    assert begin(operator, ada, "x" * 301).status_code == 422
    assert begin(operator, operator.user).status_code == 303
    other, gone = make_user(), make_user()
    with host.database.session(SYSTEM) as session:
        session.get_one(User, other.user_id).is_operator = True
        session.get_one(User, gone.user_id).disabled_at = utc_now()
    for person in (other, gone):
        begin(operator, person)
        assert me(operator) == "operator@example.com"
        page = operator.page(f"/admin/users/{person.user_id}").text
        assert "Act as this person" not in page
    path = f"/admin/users/{ada.space_id}/impersonate"
    assert operator.send(path, reason="x").status_code == 404
    assert entries(host) == []


@pytest.mark.parametrize("backend", ["sqlite"])
def test_it_asks_again_who_the_operator_is(host: Host, operator: Any, ada: SignedIn) -> None:
    with host.database.session(SYSTEM) as session:
        session.execute(
            update(UserSession).values(authenticated_at=utc_now() - timedelta(minutes=16))
        )
    answer = begin(operator, ada)
    assert answer.headers["location"].startswith("/re-authenticate")
    assert me(operator) == "operator@example.com"


@pytest.mark.parametrize("backend", ["sqlite"])
def test_it_can_be_switched_off(host: Host, operator: Any, ada: SignedIn) -> None:
    begin(operator, ada)
    assert me(operator) == "ada@example.com"
    host.sections[AuthSettings] = AuthSettings(impersonation_minutes=0)
    assert me(operator) == "nobody"  # also what has begun already
    host.sections[AuthSettings] = AuthSettings()
    operator.send("/impersonation/end")
    host.sections[AuthSettings] = AuthSettings(impersonation_minutes=0)
    begin(operator, ada)
    assert me(operator) == "operator@example.com"
    assert "Act as this person" not in operator.page(f"/admin/users/{ada.user_id}").text


@pytest.mark.parametrize("backend", ["sqlite"])
def test_whoever_is_themselves_has_nothing_to_end(ada: SignedIn, operator: Any) -> None:
    assert operator.send("/impersonation/end").headers["location"] == "/dashboard"
    assert me(operator) == "operator@example.com"
