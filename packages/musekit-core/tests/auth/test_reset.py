"""A new password: nobody learns who has an account, and whoever was in before is out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from starlette.testclient import TestClient

from musekit.auth.federation.models import SignInFlow
from musekit.auth.models import User
from musekit.auth.reset import send_asked
from musekit.email.models import OutboxMail
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import SignedIn

from .mailbox import link, mails

SYSTEM = Actor.system("tests")
HTML = {"accept": "text/html"}
FRESH = "a pelican under umbrellas"


def count(host: Host, model: Any) -> int:
    with host.database.session(SYSTEM, readonly=True) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_a_new_password_by_mail(
    host: Host, client: TestClient, make_user: Callable[..., SignedIn]
) -> None:
    user = make_user("ada@example.com")
    page = client.post("/forgot", data={"email": "Ada@Example.com"}, headers=HTML)
    assert "Look into your mailbox" in page.text
    path = link(host, "ada@example.com", "reset-password")
    assert "Choose a new password" in client.get(path, headers=HTML).text
    weak = client.post(path, data={"password": "ada12345"}, headers=HTML)
    assert weak.status_code == 422  # the link stays good
    done = client.post(path, data={"password": FRESH}, headers=HTML, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, "/sign-in")
    assert client.post(path, data={"password": FRESH}, headers=HTML).status_code == 410

    assert user.client.get("/api/auth/me").status_code == 401
    assert client.get("/api/auth/me", headers=user.headers).status_code == 401
    old = {"email": user.email, "password": user.password}
    assert client.post("/api/auth/sign-in", json=old).status_code == 401
    assert client.post("/api/auth/sign-in", json=old | {"password": FRESH}).status_code == 200
    (told,) = mails(host, "ada@example.com", "password-changed")
    assert "1 API token was revoked" in told
    with host.database.session(SYSTEM, readonly=True) as session:
        row = session.get_one(User, user.user_id)
        assert row.email_verified_at is not None
        assert row.password_changed_at is not None


def test_the_answer_tells_nobody_who_has_an_account(
    host: Host, client: TestClient, make_user: Callable[..., SignedIn]
) -> None:
    make_user("known@example.com")
    answers = [
        client.post("/api/auth/forgot", json={"email": email})
        for email in ("known@example.com", "unknown@example.com", "no address", "")
    ]
    assert [each.status_code for each in answers] == [202] * 4
    assert len({each.content for each in answers}) == 1
    assert count(host, SignInFlow) == 4  # the same work for each
    with host.database.session(SYSTEM, readonly=True) as session:
        kept = session.scalars(select(SignInFlow.secret_encrypted)).all()
    assert not any("known" in (each or "") for each in kept)
    assert send_asked(host) == 4
    assert count(host, SignInFlow) == 0
    with host.database.session(SYSTEM, readonly=True) as session:
        found = session.execute(select(OutboxMail.to_email, OutboxMail.template)).all()
    assert [tuple(each) for each in found] == [("known@example.com", "reset-password")]


def test_pages_answer_alike_too(client: TestClient, make_user: Callable[..., SignedIn]) -> None:
    make_user("known@example.com")
    pages = [
        client.post("/forgot", data={"email": email}, headers=HTML).text.replace(email, "…")
        for email in ("known@example.com", "unknown@example.com")
    ]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("email", ["known@example.com", "unknown@example.com"])
def test_a_mailbox_is_written_to_only_so_often(
    host: Host, client: TestClient, make_user: Callable[..., SignedIn], email: str
) -> None:
    make_user("known@example.com")
    codes = [client.post("/api/auth/forgot", json={"email": email}).status_code for _ in range(7)]
    assert codes == [202] * 5 + [429] * 2
    assert client.post("/forgot", data={"email": email}, headers=HTML).status_code == 429


def test_links_of_the_mail_name_our_own_address(
    host: Host, client: TestClient, make_user: Callable[..., SignedIn]
) -> None:
    make_user("ada@example.com")
    client.post(
        "/api/auth/forgot", json={"email": "ada@example.com"},
        headers={"host": "testserver", "x-forwarded-host": "evil.example"},
    )  # fmt: skip
    send_asked(host)
    (text,) = mails(host, "ada@example.com", "reset-password")
    assert "evil" not in text
    assert f"{host.settings.public_url}/reset/" in text


@pytest.mark.parametrize("closed", ["disabled_at", "deleting_at"])
def test_a_closed_account_gets_no_link(
    host: Host, client: TestClient, make_user: Callable[..., SignedIn], closed: str
) -> None:
    user = make_user("ada@example.com")
    with host.database.session(SYSTEM) as session:
        setattr(session.get_one(User, user.user_id), closed, utc_now())
    client.post("/api/auth/forgot", json={"email": "ada@example.com"})
    send_asked(host)
    assert mails(host, "ada@example.com", "reset-password") == []


def test_by_json_as_by_page(
    app: FastAPI, host: Host, client: TestClient, make_user: Callable[..., SignedIn]
) -> None:
    make_user("ada@example.com")
    client.post("/api/auth/forgot", json={"email": "ada@example.com"})
    secret = link(host, "ada@example.com", "reset-password").rpartition("/")[2]
    body = {"link": secret, "password": FRESH}
    assert client.post("/api/auth/reset", json=body).status_code == 204
    again = client.post("/api/auth/reset", json=body)
    assert (again.status_code, again.json()["code"]) == (410, "link-spent")
