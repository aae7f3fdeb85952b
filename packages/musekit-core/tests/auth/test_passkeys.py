"""Passkeys: added and shown, and every answer that is not exactly right refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from starlette.testclient import TestClient

from musekit.auth.federation.models import SignInFlow
from musekit.auth.models import User
from musekit.auth.second_factors import ceremonies
from musekit.auth.second_factors.models import Passkey
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import SignedIn

from .authenticator import PRESENT, Authenticator, decoded, encoded
from .mailbox import link, mails

SYSTEM = Actor.system("tests")
HERE = "http://localhost:8123"
MakeUser = Callable[..., SignedIn]


@pytest.fixture
def ada(host: Host, make_user: MakeUser) -> SignedIn:
    host.settings.public_url = HERE
    return make_user("ada@example.com")


@pytest.fixture
def device() -> Authenticator:
    return Authenticator(HERE)


def asked(user: SignedIn) -> dict[str, Any]:
    answer = user.client.post("/api/auth/passkeys/options", json={})
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json()["options"]
    return options


def add(user: SignedIn, device: Authenticator, name: str = "phone", **false: Any) -> Any:
    credential = device.create(asked(user), **false)
    return user.client.post("/api/auth/passkeys", json={"credential": credential, "name": name})


def begin(app: FastAPI) -> tuple[TestClient, dict[str, Any]]:
    """A browser that is asked for a passkey, and what it is asked."""
    browser = TestClient(app)
    answer = browser.post("/api/auth/sign-in/passkey/options", json={})
    assert answer.status_code == 200, answer.text
    return browser, answer.json()["options"]


def show(browser: TestClient, credential: dict[str, Any]) -> Any:
    return browser.post("/api/auth/sign-in/passkey", json={"credential": credential})


def test_add_and_come_in(app: FastAPI, host: Host, ada: SignedIn, device: Authenticator) -> None:
    options = asked(ada)
    assert options["rp"]["id"] == "localhost"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    made = add(ada, device, name=" my  phone ")
    assert made.status_code == 201, made.text
    assert made.json()["name"] == "my phone"
    assert len(mails(host, ada.email, "factors-changed")) == 1
    browser, options = begin(app)
    assert options.get("allowCredentials", []) == []  # it tells nobody who has one
    answer = show(browser, device.get(options))
    assert answer.status_code == 200, answer.text
    assert answer.json()["user"]["email"] == ada.email
    items = browser.get("/api/auth/sessions").json()["items"]
    assert ["passkey"] in [each["methods"] for each in items]
    (kept,) = browser.get("/api/auth/passkeys").json()["items"]
    assert kept["last_used_at"] is not None


def test_no_code_is_asked_beside_it(app: FastAPI, ada: SignedIn, device: Authenticator) -> None:
    assert add(ada, device).status_code == 201
    secret = ada.client.post("/api/auth/totp", json={}).json()["shared_secret"]
    code = {"code": pyotp.TOTP(secret).now()}
    assert ada.client.post("/api/auth/totp/confirm", json=code).status_code == 200
    browser, options = begin(app)
    assert show(browser, device.get(options)).status_code == 200


@pytest.mark.parametrize(
    "false",
    [
        {"origin": "http://localhost:9999"}, {"origin": "https://evil.example"},
        {"type": "webauthn.get"}, {"challenge": encoded(b"x" * 32)}, {"challenge": ""},
        {"challenge": 7},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_added(ada: SignedIn, device: Authenticator, false: dict[str, Any]) -> None:
    refused = add(ada, device, **false)
    assert refused.status_code == 422, refused.text
    assert ada.client.get("/api/auth/passkeys").json()["items"] == []


@pytest.mark.parametrize("what", ["no verification", "another site", "a name"])
def test_what_is_not_added_either(ada: SignedIn, device: Authenticator, what: str) -> None:
    if what == "no verification":
        device.flags = PRESENT
    elif what == "another site":
        device.rp_id = "evil.example"
    answer = add(ada, device, name="x" * 61 if what == "a name" else "")
    assert answer.status_code == 422
    assert ada.client.get("/api/auth/passkeys").json()["items"] == []


def test_an_answer_is_good_once(ada: SignedIn, device: Authenticator) -> None:
    credential = device.create(asked(ada))
    body = {"credential": credential, "name": ""}
    assert ada.client.post("/api/auth/passkeys", json=body).status_code == 201
    assert ada.client.post("/api/auth/passkeys", json=body).status_code == 422
    again = {"credential": device.create(asked(ada)), "name": ""}
    assert ada.client.post("/api/auth/passkeys", json=again).status_code == 422  # known already


def test_a_passkey_begun_by_another_is_not_mine(
    ada: SignedIn, device: Authenticator, make_user: MakeUser
) -> None:
    evil = make_user("evil@example.com")
    credential = device.create(asked(evil))
    body = {"credential": credential, "name": ""}
    assert ada.client.post("/api/auth/passkeys", json=body).status_code == 422


def test_it_does_not_last(app: FastAPI, host: Host, ada: SignedIn, device: Authenticator) -> None:
    add(ada, device)
    browser, options = begin(app)
    late = device.create(asked(ada))
    with host.database.session(SYSTEM) as session:
        session.execute(update(SignInFlow).values(expires_at=utc_now() - timedelta(seconds=1)))
    assert show(browser, device.get(options)).status_code == 401
    body = {"credential": late, "name": ""}
    assert ada.client.post("/api/auth/passkeys", json=body).status_code == 422


@pytest.mark.parametrize(
    "false",
    [
        {"origin": "https://evil.example"}, {"origin": "http://localhost"},
        {"type": "webauthn.create"}, {"challenge": encoded(b"x" * 32)}, {"challenge": None},
    ],
    ids=str,
)  # fmt: skip
def test_who_is_not_let_in(
    app: FastAPI, ada: SignedIn, device: Authenticator, false: dict[str, Any]
) -> None:
    add(ada, device)
    browser, options = begin(app)
    assert show(browser, device.get(options, **false)).status_code == 401
    assert browser.get("/api/auth/me").status_code == 401


@pytest.mark.parametrize(
    "what",
    ["no verification", "another site", "another key", "unknown", "another user", "spoilt",
     "other data"],
)  # fmt: skip
def test_who_is_not_let_in_either(
    app: FastAPI, ada: SignedIn, device: Authenticator, make_user: MakeUser, what: str
) -> None:
    add(ada, device)
    evil = Authenticator(HERE)
    if what == "no verification":
        device.flags = PRESENT
    elif what == "another site":
        device.rp_id = "evil.example"
    elif what == "another key":
        device.key = evil.key
    elif what == "unknown":
        device.credential_id = evil.credential_id
    elif what == "another user":
        device.user_handle = make_user("eve@example.com").user_id.bytes
    browser, options = begin(app)
    credential = device.get(options)
    if what in ("spoilt", "other data"):
        member = "signature" if what == "spoilt" else "authenticatorData"
        raw = bytearray(decoded(credential["response"][member]))
        raw[-1] ^= 1
        credential["response"][member] = encoded(bytes(raw))
    assert show(browser, credential).status_code == 401


@pytest.mark.parametrize(
    "credential",
    [
        {}, {"response": None}, {"response": {"clientDataJSON": 7}}, {"rawId": []},
        {"response": {"clientDataJSON": "%%%"}}, {"response": {"clientDataJSON": encoded(b"[]")}},
        {"response": {"clientDataJSON": encoded(b"[" * 5000)}},
        {"response": {"clientDataJSON": encoded(b'{"challenge": "\xff"}')}},
    ],
    ids=lambda each: str(each)[:40],
)  # fmt: skip
def test_what_is_no_answer(app: FastAPI, ada: SignedIn, credential: dict[str, Any]) -> None:
    browser, _ = begin(app)
    assert show(browser, credential).status_code == 401
    body = {"credential": credential, "name": ""}
    assert ada.client.post("/api/auth/passkeys", json=body).status_code == 422


def test_an_answer_lets_in_once_and_here(
    app: FastAPI, ada: SignedIn, device: Authenticator
) -> None:
    add(ada, device)
    browser, options = begin(app)
    credential = device.get(options)
    other, _ = begin(app)
    assert show(other, credential).status_code == 401  # begun in another browser
    assert show(TestClient(app), credential).status_code == 401
    assert show(browser, credential).status_code == 200
    assert show(browser, credential).status_code == 401


def test_one_of_many_at_once(app: FastAPI, ada: SignedIn, device: Authenticator) -> None:
    add(ada, device)
    browser, options = begin(app)
    credential, answers = device.get(options), []
    ready = threading.Barrier(4)
    cookie = dict(browser.cookies)

    def press() -> None:
        each = TestClient(app, cookies=cookie)
        ready.wait()
        answers.append(show(each, credential).status_code)

    threads = [threading.Thread(target=press) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(answers) == [200, 401, 401, 401]


def test_a_copied_passkey_is_noticed(app: FastAPI, ada: SignedIn, device: Authenticator) -> None:
    add(ada, device)
    for _ in range(2):
        browser, options = begin(app)
        assert show(browser, device.get(options)).status_code == 200
    device.count = 0  # the copy has counted by itself
    browser, options = begin(app)
    assert show(browser, device.get(options)).status_code == 401


def test_many_do_not_count(app: FastAPI, ada: SignedIn, device: Authenticator) -> None:
    add(ada, device)
    for _ in range(3):
        browser, options = begin(app)
        device.count = -1  # what is signed is 0, always
        assert show(browser, device.get(options)).status_code == 200


def test_removed_it_opens_nothing(
    app: FastAPI, host: Host, ada: SignedIn, device: Authenticator, make_user: MakeUser
) -> None:
    key = add(ada, device).json()["id"]
    evil = make_user("evil@example.com")
    assert evil.client.delete(f"/api/auth/passkeys/{key}").status_code == 404
    assert ada.client.delete(f"/api/auth/passkeys/{key}").status_code == 204
    browser, options = begin(app)
    assert show(browser, device.get(options)).status_code == 401


def test_it_is_called_otherwise(
    host: Host, ada: SignedIn, device: Authenticator, make_user: MakeUser
) -> None:
    key = add(ada, device).json()["id"]
    path = f"/api/auth/passkeys/{key}"
    answer = ada.client.patch(path, json={"name": " my  laptop "})
    assert (answer.status_code, answer.json()["name"]) == (200, "my laptop")
    assert ada.client.patch(path, json={"name": "x" * 61}).status_code == 422
    evil = make_user("evil@example.com")
    assert evil.client.patch(path, json={"name": "mine"}).status_code == 404
    page = TestClient(ada.client.app, cookies=dict(ada.client.cookies))
    page.headers["accept"] = "text/html"
    shown = page.get("/account/passkeys").text
    assert "my laptop" in shown
    assert '<a href="/account/security" aria-current="page">' in shown  # the tab that led here
    token = shown.partition('name="csrf_token" value="')[2].partition('"')[0]
    form = {"csrf_token": token, "name": "the old phone"}
    done = page.post(f"/account/passkeys/{key}/rename", data=form)
    assert "The passkey is called the old phone from now on." in done.text
    bad = page.post(f"/account/passkeys/{key}/rename", data=form | {"name": "y" * 61})
    assert bad.status_code == 422
    assert "use at most 60 plain characters" in bad.text
    (kept,) = ada.client.get("/api/auth/passkeys").json()["items"]
    assert kept["name"] == "the old phone"


def test_a_closed_account_stays_closed(
    app: FastAPI, host: Host, ada: SignedIn, device: Authenticator
) -> None:
    add(ada, device)
    with host.database.session(SYSTEM) as session:
        session.get_one(User, ada.user_id).disabled_at = utc_now()
    browser, options = begin(app)
    assert show(browser, device.get(options)).status_code == 403


def test_what_stood_before_the_mailbox_was_proven_is_gone(
    app: FastAPI, host: Host, ada: SignedIn, device: Authenticator
) -> None:
    add(ada, device)
    TestClient(app).post("/api/auth/forgot", json={"email": ada.email})
    secret = link(host, ada.email, "reset-password").rpartition("/")[2]
    body = {"link": secret, "password": "a pelican under umbrellas"}
    assert TestClient(app).post("/api/auth/reset", json=body).status_code == 204
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(Passkey)).all() == []


@pytest.mark.parametrize(
    ("address", "possible"),
    [
        ("http://localhost:8000", True), ("https://app.example", True),
        ("http://127.0.0.1:8000", False), ("https://192.0.2.7", False),
        ("http://app.example", False), ("http://[::1]:8000", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("backend", ["sqlite"])
def test_where_browsers_offer_them(
    app: FastAPI, host: Host, ada: SignedIn, address: str, possible: bool
) -> None:
    host.settings.public_url = address
    assert ceremonies.is_possible(host) is possible
    page = TestClient(app).get("/sign-in").text
    assert ("Sign in with a passkey" in page) is possible
    if not possible:
        answer = ada.client.post("/api/auth/passkeys/options", json={})
        assert answer.status_code in (401, 409)  # by https the cookie has another name
