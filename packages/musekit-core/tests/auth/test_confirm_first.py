"""Where addresses are confirmed first, signing up tells nobody who has an account (D17)."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from starlette.testclient import TestClient

from musekit.auth.models import User, UserSession
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD

from .mailbox import link, mails

SYSTEM = Actor.system("tests")
HTML = {"accept": "text/html"}
ADA = {"email": "ada@example.com", "password": PASSWORD}


@pytest.fixture(autouse=True)
def required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSEKIT_AUTH_VERIFY_EMAIL", "required")


def count(host: Host, model: type) -> int:
    with host.database.session(SYSTEM, readonly=True) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def confirmed(app: FastAPI, host: Host) -> None:
    """Ada has an account."""
    browser = TestClient(app)
    assert browser.post("/api/auth/sign-up", json=ADA).status_code == 202
    browser.post(link(host, "ada@example.com", "verify-email"), headers=HTML)


def test_nobody_comes_in_before(app: FastAPI, host: Host, client: TestClient) -> None:
    answer = client.post("/api/auth/sign-up", json=ADA)
    assert (answer.status_code, answer.json()) == (202, {"confirm": "ada@example.com"})
    assert "musekit_session" not in client.cookies
    refused = client.post("/api/auth/sign-in", json=ADA)
    assert (refused.status_code, refused.json()["code"]) == (403, "email-not-confirmed")
    wrong = client.post("/api/auth/sign-in", json=ADA | {"password": "not it " * 3})
    assert wrong.status_code == 401  # only who knows the password is told
    assert len(mails(host, "ada@example.com", "verify-email")) == 2
    page = client.post("/sign-in", data=ADA, headers=HTML)
    assert page.status_code == 422
    assert "not confirmed yet" in page.text
    assert count(host, UserSession) == 0
    client.post(link(host, "ada@example.com", "verify-email"), headers=HTML)
    assert client.post("/api/auth/sign-in", json=ADA).status_code == 200


def test_a_known_address_is_answered_alike(app: FastAPI, host: Host, client: TestClient) -> None:
    confirmed(app, host)
    new = {"email": "eve@example.com", "password": PASSWORD}
    answers = [
        client.post("/api/auth/sign-up", json=each).text.replace(each["email"], "…")
        for each in (ADA | {"password": "another of that strength"}, new)
    ]
    assert answers[0] == answers[1]
    pages = [
        client.post("/sign-up", data=each, headers=HTML).text.replace(each["email"], "…")
        for each in (ADA, {"email": "bob@example.com", "password": PASSWORD})
    ]
    assert pages[0] == pages[1]
    assert len(mails(host, "ada@example.com", "account-exists")) == 2
    assert count(host, User) == 3
    assert client.post("/api/auth/sign-in", json=ADA).status_code == 200  # the password of before


@pytest.mark.parametrize("email", ["ada@example.com", "eve@example.com"])
def test_so_often_and_no_more(app: FastAPI, host: Host, client: TestClient, email: str) -> None:
    confirmed(app, host)
    body = {"email": email, "password": PASSWORD}
    codes = [client.post("/api/auth/sign-up", json=body).status_code for _ in range(7)]
    known = email == ADA["email"]  # whose own sign-up counted, too
    assert codes == [202] * (4 if known else 5) + [429] * (3 if known else 2)
