"""Proving an address: the mail, the page that only shows, the button that does, and who is out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from starlette.testclient import TestClient

from musekit.auth.models import User
from musekit.email.settings import EmailSettings
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD, SignedIn

from .mailbox import link, mails

SYSTEM = Actor.system("tests")
HTML = {"accept": "text/html"}


def sign_up(app: FastAPI, email: str) -> TestClient:
    browser = TestClient(app)
    answer = browser.post("/api/auth/sign-up", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return browser


def verified(host: Host, email: str) -> bool:
    from musekit.auth.accounts import find_by_email

    with host.database.session(SYSTEM, readonly=True) as session:
        user = find_by_email(session, email)
    assert user
    return user.email_verified_at is not None


def press(browser: TestClient, path: str) -> Any:
    """Open a page and press its button, as a browser does."""
    page = browser.get(path, headers=HTML)
    if page.status_code != 200:  # it has no button; a page from before still has one
        page = browser.get("/forgot", headers=HTML)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    return browser.post(
        path, data={"csrf_token": token[1]} if token else {}, follow_redirects=False, headers=HTML
    )


def test_who_signs_up_is_mailed_a_link_and_the_button_confirms(app: FastAPI, host: Host) -> None:
    browser = sign_up(app, "ada@example.com")
    path = link(host, "ada@example.com", "verify-email")
    page = browser.get(path, headers=HTML)
    assert page.status_code == 200
    assert "ada@example.com" in page.text
    assert page.headers["x-robots-tag"] == "noindex"
    assert page.headers["cache-control"] == "no-store"
    assert not verified(host, "ada@example.com")  # programs that read mail open it, too
    answer = press(browser, path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard")
    assert verified(host, "ada@example.com")
    assert browser.get("/api/auth/me").status_code == 200  # the person knows the password
    spent = browser.get(path, headers=HTML)
    assert spent.status_code == 410
    assert "does not work any more" in spent.text
    assert press(browser, path).status_code == 410


def test_the_dashboard_asks_for_it_until_it_is_done(app: FastAPI, host: Host) -> None:
    browser = sign_up(app, "ada@example.com")
    page = browser.get("/dashboard", headers=HTML).text
    assert "Follow the link that was mailed to ada@example.com" in page
    assert "No mail leaves here yet" in page  # it is kept, and they need somebody to read it
    assert "/admin/email" not in page
    with host.database.session(SYSTEM) as session:
        session.query(User).one().is_operator = True
    assert 'href="/admin/email"' in browser.get("/dashboard", headers=HTML).text
    host.settings_of(EmailSettings).provider = "smtp"
    page = browser.get("/dashboard", headers=HTML).text
    assert "Confirm your address" in page
    assert "No mail leaves here yet" not in page
    press(browser, link(host, "ada@example.com", "verify-email"))
    assert "Confirm your address" not in browser.get("/dashboard", headers=HTML).text


def test_who_waits_for_a_link_is_told_that_none_leaves(app: FastAPI, host: Host) -> None:
    browser = TestClient(app)
    sent = browser.post("/forgot", data={"email": "ada@example.com"}, headers=HTML).text
    assert "No mail leaves here yet" in sent
    host.settings_of(EmailSettings).provider = "smtp"
    sent = browser.post("/forgot", data={"email": "ada@example.com"}, headers=HTML).text
    assert "No mail leaves here yet" not in sent


def test_whoever_made_the_account_before_is_out(app: FastAPI, host: Host) -> None:
    """Somebody signs up with another's address and waits for the owner to confirm it."""
    squatter = sign_up(app, "victim@example.com")
    made = squatter.post("/api/auth/tokens", json={"name": "t", "scopes": ["*"]})
    token = {"Authorization": f"Bearer {made.json()['token']}"}
    visitor = TestClient(app)
    assert visitor.get("/api/auth/me", headers=token).status_code == 200
    owner = TestClient(app)
    answer = press(owner, link(host, "victim@example.com", "verify-email"))
    assert answer.headers["location"] == "/sign-in"
    assert verified(host, "victim@example.com")
    assert squatter.get("/api/auth/me").status_code == 401
    assert visitor.get("/api/auth/me", headers=token).status_code == 401


def test_another_mail_can_be_had_and_its_link_alone_is_good(app: FastAPI, host: Host) -> None:
    browser = sign_up(app, "ada@example.com")
    first = link(host, "ada@example.com", "verify-email")
    assert "not confirmed" in browser.get("/account", headers=HTML).text
    assert browser.post("/api/auth/verify/again", json={}).status_code == 202
    second = link(host, "ada@example.com", "verify-email")
    assert first != second
    assert browser.get(first, headers=HTML).status_code == 410
    secret = second.rpartition("/")[2]
    answer = browser.post("/api/auth/verify", json={"link": secret})
    assert answer.json() == {"email": "ada@example.com"}
    assert browser.post("/api/auth/verify/again", json={}).status_code == 409
    assert "not confirmed" not in browser.get("/account", headers=HTML).text


def test_mails_to_a_mailbox_are_counted(app: FastAPI, host: Host) -> None:
    browser = sign_up(app, "ada@example.com")
    codes = [browser.post("/api/auth/verify/again", json={}).status_code for _ in range(7)]
    assert codes == [202] * 5 + [429] * 2
    assert len(mails(host, "ada@example.com", "verify-email")) == 6


def test_a_link_proves_only_the_address_it_was_sent_to(
    app: FastAPI, host: Host, make_user: Callable[..., SignedIn]
) -> None:
    browser = sign_up(app, "old@example.com")
    path = link(host, "old@example.com", "verify-email")
    me = browser.get("/api/auth/me").json()["user"]
    with host.database.session(SYSTEM) as session:
        user = session.get_one(User, UUID(me["id"]))
        user.email = user.email_key = "new@example.com"
    assert browser.get(path, headers=HTML).status_code == 410
    assert press(browser, path).status_code == 410
    assert not verified(host, "new@example.com")
