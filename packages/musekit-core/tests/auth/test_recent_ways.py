"""Proving again who one is without a password: by a passkey, by an account elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from starlette.testclient import TestClient
from tests.support import evil_oidc
from tests.support.evil_oidc import Evil, way_back

from musekit.audit.models import AuditEntry
from musekit.auth.federation.models import UserIdentity
from musekit.auth.models import User, UserSession
from musekit.kernel.actors import Actor
from musekit.kernel.app import create_app
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.settings import CoreSettings
from musekit.testing.pytest_plugin import SignedIn

from .authenticator import PRESENT, Authenticator
from .federated import Browser, host_with, links

SYSTEM = Actor.system("tests")
HERE = "http://localhost:8123"
COOKIE = "musekit_session"
NEW_TOKEN = {"name": "program", "scopes": ["*"]}
PATH = "/api/auth/re-authenticate/passkey"
GOAL = "/account/tokens"
MakeUser = Callable[..., SignedIn]


def age(host: Host) -> None:
    """Let every proof be an hour old."""
    with host.database.session(SYSTEM) as session:
        session.execute(update(UserSession).values(authenticated_at=utc_now() - timedelta(hours=1)))


def forget_password(host: Host) -> None:
    """Let people have come without one."""
    with host.database.session(SYSTEM) as session:
        session.execute(update(User).values(password_hash=None))


# --- By a passkey ---


@pytest.fixture
def ada(host: Host, make_user: MakeUser) -> SignedIn:
    host.settings.public_url = HERE
    return make_user("ada@example.com")


@pytest.fixture
def device() -> Authenticator:
    return Authenticator(HERE)


def add(user: SignedIn, device: Authenticator) -> str:
    options = user.client.post("/api/auth/passkeys/options", json={}).json()["options"]
    body = {"credential": device.create(options), "name": "phone"}
    made = user.client.post("/api/auth/passkeys", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def asked(user: SignedIn) -> dict[str, Any]:
    answer = user.client.post(f"{PATH}/options", json={})
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json()["options"]
    return options


def show(user: SignedIn, credential: dict[str, Any]) -> Any:
    return user.client.post(PATH, json={"credential": credential})


def is_recent(user: SignedIn) -> bool:
    return user.client.post("/api/auth/tokens", json=NEW_TOKEN).status_code == 201


def test_a_passkey_is_proof_enough(
    host: Host, app: FastAPI, ada: SignedIn, device: Authenticator
) -> None:
    add(ada, device)
    age(host)
    assert not is_recent(ada)
    before, options = ada.client.cookies[COOKIE], asked(ada)
    assert len(options["allowCredentials"]) == 1  # theirs, and no other
    answer = show(ada, device.get(options))
    assert answer.status_code == 200, answer.text
    assert answer.json()["user"]["email"] == ada.email
    assert is_recent(ada)
    old = TestClient(app)
    old.cookies.set(COOKIE, before)
    assert old.get("/api/auth/me").status_code == 401
    (mine,) = ada.client.get("/api/auth/sessions").json()["items"]
    assert mine["methods"] == ["password", "passkey"]


def test_no_code_is_asked_for_beside_it(host: Host, ada: SignedIn, device: Authenticator) -> None:
    add(ada, device)
    secret = ada.client.post("/api/auth/totp", json={}).json()["shared_secret"]
    code = {"code": pyotp.TOTP(secret).now()}
    assert ada.client.post("/api/auth/totp/confirm", json=code).status_code == 200
    age(host)
    assert show(ada, device.get(asked(ada))).status_code == 200
    assert is_recent(ada)


@pytest.mark.parametrize(
    "what",
    ["another person's", "no verification", "another site", "spoilt", "twice", "late",
     "of another browser", "of a sign-in"],
)  # fmt: skip
def test_what_is_no_proof(
    host: Host, app: FastAPI, ada: SignedIn, device: Authenticator, make_user: MakeUser, what: str
) -> None:
    add(ada, device)
    age(host)
    options = asked(ada)
    credential = device.get(options)
    if what == "another person's":
        eve, theirs = make_user("eve@example.com"), Authenticator(HERE)
        add(eve, theirs)
        age(host)
        credential = theirs.get(asked(ada))
    elif what == "no verification":
        device.flags = PRESENT
        credential = device.get(options)
    elif what == "another site":
        credential = device.get(options, origin="https://evil.example")
    elif what == "spoilt":
        credential["response"]["signature"] = credential["response"]["authenticatorData"]
    elif what == "twice":
        assert show(ada, credential).status_code == 200
        age(host)
    elif what == "late":
        from musekit.auth.federation.models import SignInFlow

        with host.database.session(SYSTEM) as session:
            session.execute(update(SignInFlow).values(expires_at=utc_now() - timedelta(seconds=1)))
    elif what == "of another browser":
        other = TestClient(app)
        own = {"email": ada.email, "password": ada.password}
        assert other.post("/api/auth/sign-in", json=own).is_success
        age(host)
        answer = other.post(f"{PATH}/options", json={})
        credential = device.get(answer.json()["options"])
    else:
        sign_in = ada.client.post("/api/auth/sign-in/passkey/options", json={})
        credential = device.get(sign_in.json()["options"])
    before = ada.client.cookies[COOKIE]
    answer = show(ada, credential)
    assert (answer.status_code, answer.json()["code"]) == (401, "passkey-refused")
    assert ada.client.cookies[COOKIE] == before
    assert not is_recent(ada)
    with host.database.session(SYSTEM, readonly=True) as session:
        tried = session.scalars(
            select(AuditEntry.detail).where(AuditEntry.action == "user.sign_in_failed")
        ).all()
    assert {"system": "sign-in", "wrong": "passkey"} in tried


def test_a_proof_asked_for_inside_lets_nobody_in(
    app: FastAPI, ada: SignedIn, device: Authenticator
) -> None:
    add(ada, device)
    credential = device.get(asked(ada))
    outside = TestClient(app)
    outside.post("/api/auth/sign-in/passkey/options", json={})
    answer = outside.post("/api/auth/sign-in/passkey", json={"credential": credential})
    assert answer.status_code == 401


def test_who_has_none_is_told_so(ada: SignedIn) -> None:
    answer = ada.client.post(f"{PATH}/options", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "another way" in answer.json()["detail"]


def test_the_page_offers_what_there_is(host: Host, ada: SignedIn, device: Authenticator) -> None:
    html = {"accept": "text/html"}
    page = ada.client.get("/re-authenticate", headers=html).text
    assert 'name="password"' in page
    assert "Confirm with a passkey" not in page
    add(ada, device)
    page = ada.client.get("/re-authenticate?next=/account/tokens", headers=html).text
    assert 'name="password"' in page
    assert 'data-passkey="confirm"' in page
    forget_password(host)
    page = ada.client.get("/re-authenticate", headers=html).text
    assert 'name="password"' not in page
    assert 'data-passkey="confirm"' in page
    host.settings.public_url = "http://127.0.0.1:8123"  # where browsers offer none
    page = ada.client.get("/re-authenticate", headers=html).text
    assert "Nothing here can show that it is you" in page
    assert 'href="/forgot"' in page


# --- The last way in ---


def test_the_last_passkey_stays_without_a_password(
    host: Host, ada: SignedIn, device: Authenticator
) -> None:
    first, second = add(ada, device), add(ada, Authenticator(HERE))
    forget_password(host)
    assert ada.client.delete(f"/api/auth/passkeys/{first}").status_code == 204
    refused = ada.client.delete(f"/api/auth/passkeys/{second}")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert "Set a password first" in refused.json()["detail"]
    shown = ada.client.get("/account", headers={"accept": "text/html"}).text
    token = shown.partition('name="csrf_token" value="')[2].partition('"')[0]
    page = ada.client.post(
        f"/account/passkeys/{second}/remove", data={"csrf_token": token},
        headers={"accept": "text/html"},
    )  # fmt: skip
    assert "Set a password first" in page.text
    assert [each["id"] for each in ada.client.get("/api/auth/passkeys").json()["items"]] == [second]


def test_two_removed_at_once_leave_one(host: Host, ada: SignedIn, device: Authenticator) -> None:
    both = [add(ada, device), add(ada, Authenticator(HERE))]
    forget_password(host)
    ready, answers = threading.Barrier(2), []
    cookies = dict(ada.client.cookies)

    def press(passkey: str) -> None:
        own = TestClient(ada.client.app, cookies=cookies)
        ready.wait()
        answers.append(own.delete(f"/api/auth/passkeys/{passkey}").status_code)

    threads = [threading.Thread(target=press, args=(each,)) for each in both]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(answers) == [204, 409]


# --- By an account elsewhere ---


@pytest.fixture(scope="module")
def evils() -> Iterator[tuple[Evil, Evil]]:
    with evil_oidc.running() as one, evil_oidc.running() as two:
        yield one, two


@pytest.fixture
def theirs(
    settings: CoreSettings, evils: tuple[Evil, Evil], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Host, Browser]]:
    """Somebody who came by provider one, and has no password."""
    with host_with(settings, monkeypatch, *evils) as built:
        app = create_app(built)
        browser = Browser.new(app, evils[0])
        assert browser.come("grace").status_code == 303
        assert browser.email == "grace@example.org"
        yield built, browser


def confirm(browser: Browser, key: str = "one") -> str:
    """Press the button of the page; return where it leads."""
    page = browser.client.get("/re-authenticate", params={"next": GOAL}).text
    assert f'action="/re-authenticate/with/{key}"' in page
    answer = browser.press(f"/re-authenticate/with/{key}", next=GOAL)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_an_account_elsewhere_is_proof_enough(theirs: tuple[Host, Browser]) -> None:
    host, browser = theirs
    age(host)
    assert browser.client.get(GOAL).headers["location"].startswith("/re-authenticate")
    page = browser.client.get("/re-authenticate").text
    assert 'name="password"' not in page
    assert page.count('action="/re-authenticate/with/') == 1  # the one that is linked
    said = browser.evil.agree(confirm(browser), "grace", "grace@example.org")
    answer = browser.client.get(way_back("one", said))
    assert (answer.status_code, answer.headers["location"]) == (303, GOAL)
    assert browser.client.get(GOAL).status_code == 200


def test_of_somebody_else_it_is_none(theirs: tuple[Host, Browser]) -> None:
    host, browser = theirs
    age(host)
    said = browser.evil.agree(confirm(browser), "mallory", "mallory@example.org")
    answer = browser.client.get(way_back("one", said))
    assert answer.headers["location"] == "/re-authenticate?next=%2Faccount%2Ftokens"
    assert "That is not the One account" in browser.client.get(answer.headers["location"]).text
    assert browser.client.get(GOAL).headers["location"].startswith("/re-authenticate")


def test_the_code_of_the_app_is_asked_for_as_well(theirs: tuple[Host, Browser]) -> None:
    host, browser = theirs
    shown = browser.client.get("/account/security/totp").text
    secret = shown.partition('<p class="mono wrap">')[2].partition("<")[0].replace(" ", "")
    clock = pyotp.TOTP(secret)
    assert browser.press("/account/security/totp", code=clock.now()).status_code == 200
    age(host)
    said = browser.evil.agree(confirm(browser), "grace", "grace@example.org")
    answer = browser.client.get(way_back("one", said))
    assert answer.headers["location"] == "/sign-in/second-factor"
    page = browser.client.get("/sign-in/second-factor").text
    assert 'href="/re-authenticate?next=%2Faccount%2Ftokens"' in page  # to start again
    assert browser.client.get(GOAL).status_code == 303  # half-way is nothing
    assert browser.press("/sign-in/second-factor", code="000000").status_code == 422
    following = clock.at(utc_now() + timedelta(seconds=30))
    answer = browser.press("/sign-in/second-factor", code=following)
    assert (answer.status_code, answer.headers["location"]) == (303, GOAL)
    assert browser.client.get(GOAL).status_code == 200
    assert browser.email == "grace@example.org"


def test_the_last_account_elsewhere_stays_without_a_password(theirs: tuple[Host, Browser]) -> None:
    host, browser = theirs
    with host.database.session(SYSTEM, readonly=True) as session:
        identity = session.scalars(select(UserIdentity.id)).one()
    answer = browser.press(f"/account/identities/{identity}/unlink")
    assert "Set a password or add a passkey first" in browser.client.get(
        answer.headers["location"]
    ).text  # fmt: skip
    assert len(links(host)) == 1
    refused = browser.client.delete(
        f"/api/auth/identities/{identity}",
        headers={"accept": "application/json", "sec-fetch-site": "same-origin"},
    )
    assert refused.status_code == 409
