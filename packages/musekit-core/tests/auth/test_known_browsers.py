"""Who signs in by a browser that is new to us is told so, in their own mailbox."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from musekit.auth import known_browsers
from musekit.auth.models import User
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD, SignedIn

from .mailbox import mails

SYSTEM = Actor.system("tests")
KNOWN = "musekit_known"
FRESH = "a pelican under umbrellas"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
MakeUser = Callable[..., SignedIn]


@pytest.fixture
def ada(make_user: MakeUser, host: Host) -> SignedIn:
    made = make_user("ada@example.com")
    with host.database.session(SYSTEM) as session:
        session.get_one(User, made.user_id).email_verified_at = utc_now()
    return made


def come_in(browser: TestClient, user: SignedIn, password: str = PASSWORD) -> None:
    body = {"email": user.email, "password": password}
    answer = browser.post("/api/auth/sign-in", json=body, headers={"user-agent": FIREFOX})
    assert answer.is_success, answer.text


def told(host: Host, user: SignedIn) -> list[str]:
    return mails(host, user.email, "new-sign-in")


def test_a_new_browser_is_told_once(app: FastAPI, host: Host, ada: SignedIn) -> None:
    assert told(host, ada) == []  # the first sign-in of all is no news
    other = TestClient(app)
    come_in(other, ada)
    (mail,) = told(host, ada)
    assert "Firefox on Linux" in mail
    other.post("/api/auth/sign-out", json={})
    come_in(other, ada)
    come_in(ada.client, ada)
    assert len(told(host, ada)) == 1


def test_a_mailbox_that_was_never_proven_is_not_written_to(
    app: FastAPI, host: Host, make_user: MakeUser
) -> None:
    user = make_user("eve@example.com")
    come_in(TestClient(app), user)
    assert told(host, user) == []


def test_a_browser_may_be_shared(
    app: FastAPI, host: Host, ada: SignedIn, make_user: MakeUser
) -> None:
    bob = make_user("bob@example.com")
    come_in(ada.client, bob)
    come_in(ada.client, ada)
    assert told(host, ada) == []


def test_the_mark_of_another_is_worth_nothing(
    app: FastAPI, host: Host, ada: SignedIn, make_user: MakeUser
) -> None:
    bob = make_user("bob@example.com")
    forged = TestClient(app)
    for value in (bob.client.cookies[KNOWN], "x" * 22, "", "..", "\u00e9"):
        forged.cookies.set(KNOWN, value.encode("ascii", "ignore").decode())
        come_in(forged, ada)
        forged.cookies.clear()
    assert len(told(host, ada)) == 5


def test_with_a_new_password_all_others_are_new(app: FastAPI, host: Host, ada: SignedIn) -> None:
    other = TestClient(app)
    come_in(other, ada)
    assert ada.client.post("/api/auth/password", json={"password": FRESH}).is_success
    come_in(ada.client, ada, FRESH)  # the browser that changed it is known
    assert len(told(host, ada)) == 1
    come_in(other, ada, FRESH)
    assert len(told(host, ada)) == 2


def test_only_so_many_are_kept(host: Host, ada: SignedIn, make_user: MakeUser) -> None:
    for n in range(known_browsers.MOST + 2):
        come_in(ada.client, make_user(f"user-{n}@example.com"))
    assert len(ada.client.cookies[KNOWN].split(".")) == known_browsers.MOST
