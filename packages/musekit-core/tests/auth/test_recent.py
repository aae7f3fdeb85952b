"""Dangerous acts ask again who one is; a new proof gives the browser another secret (D15)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from starlette.testclient import TestClient

from musekit.auth.models import User, UserSession
from musekit.auth.resolve import SYSTEM
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD, SignedIn

from .acting import acting

COOKIE = "musekit_session"
NEW_TOKEN = {"name": "program", "scopes": ["*"]}
JSON = {"accept": "application/json"}
MakeUser = Callable[..., SignedIn]


@pytest.fixture
def ada(make_user: MakeUser) -> SignedIn:
    return make_user()


def age(host: Host, user: SignedIn, **values: object) -> None:
    """Let the person's proof be 16 minutes old, or set other values of their sessions."""
    old = datetime.now(UTC) - timedelta(minutes=16)
    with host.database.session(SYSTEM) as session:
        session.execute(
            update(UserSession)
            .where(UserSession.user_id == user.user_id)
            .values(**(values or {"authenticated_at": old}))
        )


def form_token(client: TestClient, path: str = "/account") -> str:
    return client.get(path).text.partition('name="csrf_token" value="')[2].partition('"')[0]


def test_a_fresh_sign_in_is_proof_enough(ada: SignedIn) -> None:
    assert ada.client.post("/api/auth/tokens", json=NEW_TOKEN).status_code == 201


def test_an_old_one_is_not(ada: SignedIn, host: Host) -> None:
    age(host, ada)
    answer = ada.client.post("/api/auth/tokens", json=NEW_TOKEN)
    assert (answer.status_code, answer.json()["code"]) == (403, "reauthenticate")
    assert ada.client.get("/api/auth/tokens").json()["items"][1:] == []
    assert ada.client.get("/api/auth/me").status_code == 200  # all else goes on
    assert ada.client.post("/api/auth/re-authenticate", json={"password": PASSWORD}).is_success
    assert ada.client.post("/api/auth/tokens", json=NEW_TOKEN).status_code == 201


def test_a_session_of_before_counts_from_its_beginning(ada: SignedIn, host: Host) -> None:
    old = datetime.now(UTC) - timedelta(minutes=16)
    age(host, ada, authenticated_at=None)
    assert ada.client.post("/api/auth/tokens", json=NEW_TOKEN).status_code == 201
    age(host, ada, authenticated_at=None, created_at=old)
    assert ada.client.post("/api/auth/tokens", json=NEW_TOKEN).status_code == 403


def test_a_token_is_no_browser(ada: SignedIn, app: FastAPI) -> None:
    with TestClient(app) as other:
        headers = {"authorization": f"Bearer {ada.token}"}
        answer = other.post("/api/auth/tokens", json=NEW_TOKEN, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        again = other.post(
            "/api/auth/re-authenticate", json={"password": PASSWORD}, headers=headers
        )
        assert again.status_code == 403


def test_pages_lead_there_and_back(ada: SignedIn, host: Host) -> None:
    age(host, ada)
    asked = ada.client.get("/account/tokens?a=1", follow_redirects=False)
    assert (asked.status_code, asked.headers["location"]) == (
        303, "/re-authenticate?next=%2Faccount%2Ftokens%3Fa%3D1",
    )  # fmt: skip
    token = form_token(ada.client)
    sent = ada.client.post(
        "/account/tokens", data=NEW_TOKEN | {"csrf_token": token}, follow_redirects=False,
        headers={"referer": "http://testserver/account/tokens"},
    )  # fmt: skip
    assert (sent.status_code, sent.headers["location"]) == (
        303, "/re-authenticate?next=%2Faccount%2Ftokens",
    )  # fmt: skip
    page = ada.client.get(asked.headers["location"])
    assert "/account/tokens?a=1" in page.text
    form = {"password": PASSWORD, "next": "/account/tokens", "csrf_token": token}
    done = ada.client.post("/re-authenticate", data=form, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, "/account/tokens")
    assert ada.client.get("/account/tokens", follow_redirects=False).status_code == 200


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:1"]
)
def test_it_leads_to_pages_of_ours_only(ada: SignedIn, host: Host, target: str) -> None:
    form = {"password": PASSWORD, "next": target, "csrf_token": form_token(ada.client)}
    done = ada.client.post("/re-authenticate", data=form, follow_redirects=False)
    assert done.headers["location"] == "/dashboard"
    age(host, ada)
    forged = ada.client.get("/account/tokens", follow_redirects=False)
    assert forged.headers["location"].startswith("/re-authenticate?next=%2Faccount")


def test_a_proof_ends_the_old_cookie(ada: SignedIn, app: FastAPI) -> None:
    before = ada.client.cookies[COOKIE]
    answer = ada.client.post("/api/auth/re-authenticate", json={"password": PASSWORD})
    assert answer.is_success
    assert ada.client.cookies[COOKIE] != before
    assert len(ada.client.get("/api/auth/sessions").json()["items"]) == 1  # the same session
    with TestClient(app) as thief:
        thief.cookies.set(COOKIE, before)
        assert thief.get("/api/auth/me").status_code == 401


def test_a_wrong_password_changes_nothing(ada: SignedIn, host: Host) -> None:
    age(host, ada)
    before = ada.client.cookies[COOKIE]
    answer = ada.client.post("/api/auth/re-authenticate", json={"password": "wrong " * 3})
    assert (answer.status_code, answer.json()["code"]) == (401, "wrong-credentials")
    form = {"password": "wrong " * 3, "csrf_token": form_token(ada.client)}
    assert ada.client.post("/re-authenticate", data=form).status_code == 422
    assert ada.client.cookies[COOKIE] == before
    assert ada.client.post("/api/auth/tokens", json=NEW_TOKEN).status_code == 403


def test_guessing_is_limited(ada: SignedIn) -> None:
    tries = [
        ada.client.post("/api/auth/re-authenticate", json={"password": f"guess {n} of many"})
        for n in range(11)
    ]
    assert [each.status_code for each in tries] == [401] * 10 + [429]
    assert int(tries[-1].headers["retry-after"]) > 0
    right = ada.client.post("/api/auth/re-authenticate", json={"password": PASSWORD})
    assert right.status_code == 429


def test_an_operator_who_acts_as_somebody_is_not_that_person(
    ada: SignedIn, make_user: MakeUser, host: Host
) -> None:
    age(host, ada, **acting(host, make_user()))
    assert ada.client.get("/api/auth/me").status_code == 200
    answer = ada.client.post("/api/auth/tokens", json=NEW_TOKEN)
    assert (answer.status_code, answer.json()["code"]) == (403, "impersonated")
    assert ada.client.get("/re-authenticate").status_code == 403


def test_who_is_impersonated_has_no_operator_rights(
    ada: SignedIn, make_user: MakeUser, host: Host
) -> None:
    with host.database.session(SYSTEM) as session:
        session.execute(update(User).values(is_operator=True))
    assert ada.client.get("/api/auth/me").json()["is_operator"]
    age(host, ada, **acting(host, make_user()))
    assert not ada.client.get("/api/auth/me").json()["is_operator"]


def test_a_session_of_an_impersonator_is_never_prolonged(
    ada: SignedIn, make_user: MakeUser, host: Host
) -> None:
    end = datetime.now(UTC) + timedelta(minutes=30)
    past = datetime.now(UTC) - timedelta(hours=2)
    age(host, ada, **acting(host, make_user()), last_seen_at=past, expires_at=end)
    assert ada.client.get("/api/auth/me").status_code == 200
    with host.database.session(SYSTEM, readonly=True) as session:
        row = session.scalars(select(UserSession).where(UserSession.user_id == ada.user_id)).one()
    assert (row.expires_at, row.last_seen_at > past) == (end, True)


@pytest.mark.parametrize("column", ["disabled_at", "deleting_at"])
def test_a_closed_account_is_shut_at_once(
    ada: SignedIn, app: FastAPI, host: Host, column: str
) -> None:
    with host.database.session(SYSTEM) as session:
        session.execute(update(User).values({column: datetime.now(UTC)}))
    assert ada.client.get("/api/auth/me").status_code == 401
    with TestClient(app) as other:
        headers = {"authorization": f"Bearer {ada.token}"}
        assert other.get("/api/auth/me", headers=headers).status_code == 401
        own = {"email": ada.email, "password": PASSWORD}
        assert other.post("/api/auth/sign-in", json=own).status_code == 403
        wrong = own | {"password": "wrong " * 3}
        assert other.post("/api/auth/sign-in", json=wrong).status_code == 401


def test_signing_in_is_remembered(ada: SignedIn, app: FastAPI, host: Host) -> None:
    with TestClient(app) as other:
        own = {"email": ada.email, "password": PASSWORD}
        assert other.post("/api/auth/sign-in", json=own).is_success
    with host.database.session(SYSTEM, readonly=True) as session:
        user = session.scalars(select(User)).one()
        rows = session.scalars(select(UserSession)).all()
    assert user.last_sign_in_at is not None
    assert user.last_sign_in_at > user.updated_at
    assert all(row.methods == ["password"] for row in rows)
    assert all(row.authenticated_at is not None for row in rows)
