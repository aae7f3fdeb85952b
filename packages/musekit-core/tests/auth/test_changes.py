"""A new password, chosen inside: whoever came in by the old one is out (D15)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from musekit.audit.models import AuditEntry
from musekit.auth.models import User
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD, SignedIn

from .mailbox import link, mails

SYSTEM = Actor.system("tests")
COOKIE = "musekit_session"
FRESH = "a pelican under umbrellas"
MakeUser = Callable[..., SignedIn]


@pytest.fixture
def ada(make_user: MakeUser) -> SignedIn:
    return make_user("ada@example.com")


def sign_in(app: FastAPI, email: str, password: str = PASSWORD) -> TestClient:
    """Another browser of the person."""
    browser = TestClient(app)
    answer = browser.post("/api/auth/sign-in", json={"email": email, "password": password})
    assert answer.is_success, answer.text
    return browser


def test_the_new_password_counts_and_others_are_out(
    app: FastAPI, host: Host, ada: SignedIn
) -> None:
    other = sign_in(app, ada.email)
    before = ada.client.cookies[COOKIE]
    answer = ada.client.post("/api/auth/password", json={"password": FRESH})
    assert answer.status_code == 200, answer.text
    assert other.get("/api/auth/me").status_code == 401
    assert ada.client.get("/api/auth/me").status_code == 200
    thief = TestClient(app)
    thief.cookies.set(COOKIE, before)  # a copy of the cookie is worth nothing, too
    assert thief.get("/api/auth/me").status_code == 401
    old = {"email": ada.email, "password": PASSWORD}
    assert thief.post("/api/auth/sign-in", json=old).status_code == 401
    sign_in(app, ada.email, FRESH)
    programs = TestClient(app).get("/api/auth/me", headers=ada.headers)
    assert programs.status_code == 200  # tokens are looked at by their person
    assert len(mails(host, ada.email, "password-changed")) == 1
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.get_one(User, ada.user_id).password_changed_at is not None
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "user.password_changed")
        ).all()
    assert [each.detail for each in entries] == [{"browsers_signed_out": 1}]


def test_the_csrf_token_is_another(ada: SignedIn) -> None:
    before = ada.client.post("/api/auth/re-authenticate", json={"password": PASSWORD}).json()
    after = ada.client.post("/api/auth/password", json={"password": FRESH}).json()
    assert before["csrf_token"] != after["csrf_token"]
    spoilt = ada.client.post(
        "/account", data={"name": "x", "csrf_token": before["csrf_token"]},
        headers={"accept": "text/html"},
    )  # fmt: skip
    assert spoilt.status_code == 403


@pytest.mark.parametrize("weak", ["", "short", "password1", "ada@example.com"])
def test_a_weak_one_changes_nothing(app: FastAPI, host: Host, ada: SignedIn, weak: str) -> None:
    other = sign_in(app, ada.email)
    answer = ada.client.post("/api/auth/password", json={"password": weak})
    assert answer.status_code == 422
    assert other.get("/api/auth/me").status_code == 200
    assert mails(host, ada.email, "password-changed") == []


def test_links_under_way_lead_nowhere(ada: SignedIn, host: Host, client: TestClient) -> None:
    client.post("/api/auth/forgot", json={"email": ada.email})
    forgotten = link(host, ada.email, "reset-password")
    assert ada.client.post("/api/auth/email", json={"email": "eve@example.com"}).is_success
    moved = link(host, "eve@example.com", "change-email-new")
    assert ada.client.post("/api/auth/password", json={"password": FRESH}).is_success
    for path in (forgotten, moved):
        assert client.get(path).status_code == 410


def test_by_page(app: FastAPI, ada: SignedIn) -> None:
    other = sign_in(app, ada.email)
    page = ada.client.get("/account/password")
    form = {"csrf_token": page.text.partition('name="csrf_token" value="')[2].partition('"')[0]}
    weak = ada.client.post("/account/password", data=form | {"password": "password1"})
    assert weak.status_code == 422
    assert "would be guessed" in weak.text
    assert "password1" not in weak.text
    done = ada.client.post("/account/password", data=form | {"password": FRESH})
    assert done.status_code == 200  # the page it leads to, with the new cookie
    assert "Your password is changed" in done.text
    assert other.get("/api/auth/me").status_code == 401
