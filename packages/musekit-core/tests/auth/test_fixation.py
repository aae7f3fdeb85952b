"""Whatever was in the browser before, who comes in gets a secret of their own (D15).

Every way by which a session begins or gains rights is tried: a route that sets the cookie and is
missing here fails.
"""

from __future__ import annotations

import base64
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyotp
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import select
from starlette.testclient import TestClient

from musekit.auth import secrets, set_up
from musekit.auth.models import UserSession
from musekit.auth.secrets import digest
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD, SignedIn

from .authenticator import Authenticator

SYSTEM = Actor.system("tests")
COOKIE = "musekit_session"
FRESH = "a pelican under umbrellas"
HTML = {"accept": "text/html"}
MakeUser = Callable[..., SignedIn]
ADA = "ada@example.com"


@dataclass(frozen=True)
class Way:
    """A request by which somebody comes in, or proves again who they are."""

    path: str
    body: dict[str, str]
    page: bool = False
    inside: bool = False  #: of somebody who is in already

    @property
    def route(self) -> str:
        return f"POST {self.path}"

    def go(self, browser: TestClient, host: Host) -> Any:
        path, body = self.path, dict(self.body)
        if "{token}" in path:
            path = set_up.offer(host).removeprefix(host.settings.public_url)
        if not self.page:
            return browser.post(path, json=body)
        if self.inside:
            shown = browser.get("/account", headers=HTML).text
            body["csrf_token"] = form_token(shown)
        return browser.post(path, data=body, headers=HTML, follow_redirects=False)


OWN = {"email": ADA, "password": PASSWORD}
NEW = {"email": "new@example.com", "password": PASSWORD}
PROOF, CHOICE = {"password": PASSWORD}, {"password": FRESH}
WAYS = [
    Way("/api/auth/sign-in", OWN), Way("/sign-in", OWN, page=True),
    Way("/api/auth/sign-up", NEW), Way("/sign-up", NEW, page=True),
    Way("/api/auth/re-authenticate", PROOF, inside=True),
    Way("/re-authenticate", PROOF, page=True, inside=True),
    Way("/api/auth/password", CHOICE, inside=True),
    Way("/account/password", CHOICE, page=True, inside=True),
    Way("/set-up/{token}", NEW, page=True), Way("/set-up/{token}", {}, page=True, inside=True),
]  # fmt: skip
WITH_A_CODE = {"POST /api/auth/sign-in/second-factor", "POST /sign-in/second-factor"}
BY_PASSKEY = "POST /api/auth/sign-in/passkey"
#: Of who is in already: see `test_recent_ways.test_a_passkey_is_proof_enough`.
BY_PASSKEY_AGAIN = "POST /api/auth/re-authenticate/passkey"
PASSKEYS, HERE = "/api/auth/passkeys", "http://localhost:8123"


def form_token(page: str) -> str:
    return page.partition('name="csrf_token" value="')[2].partition('"')[0]


def named(way: Way) -> str:
    return f"{way.path}{'-inside' if way.inside else ''}"


@pytest.fixture(params=["sqlite"])
def backend(request: pytest.FixtureRequest) -> str:
    """The secrets are made before the database is asked."""
    return str(request.param)


@pytest.fixture
def browser(app: FastAPI, client: TestClient) -> TestClient:
    """Of the victim, who is nobody's yet."""
    return TestClient(app)


@pytest.fixture
def ada(make_user: MakeUser) -> SignedIn:
    return make_user(ADA)


def is_in(app: FastAPI, secret: str) -> str:
    """Who a cookie belongs to; empty for nobody."""
    other = TestClient(app)
    other.cookies.set(COOKIE, secret)
    answer = other.get("/api/auth/me")
    return str(answer.json()["user"]["email"]) if answer.is_success else ""


def test_every_way_in_is_tried(app: FastAPI) -> None:
    setting = {
        f"{method} {route.path}"
        for route in iter_route_contexts(app.router.routes)
        if isinstance(route.original_route, APIRoute)
        and any(
            mark in inspect.getsource(route.original_route.endpoint)
            for mark in ("give_cookie(", "_welcome(")
        )
        for method in route.methods or ()
    }
    assert setting == {way.route for way in WAYS} | WITH_A_CODE | {BY_PASSKEY, BY_PASSKEY_AGAIN}


@pytest.mark.parametrize("route", sorted([*WITH_A_CODE, BY_PASSKEY]))
def test_a_planted_cookie_is_not_taken_over_by_the_other_factors(
    app: FastAPI, host: Host, ada: SignedIn, make_user: MakeUser, route: str
) -> None:
    host.settings.public_url = HERE
    evil = make_user("evil@example.com")
    planted = str(evil.client.cookies[COOKIE])
    browser = TestClient(app, cookies={COOKIE: planted})
    path = route.partition(" ")[2]
    if route == BY_PASSKEY:
        device = Authenticator(HERE)
        made = device.create(ada.client.post(f"{PASSKEYS}/options", json={}).json()["options"])
        assert ada.client.post(PASSKEYS, json={"credential": made}).status_code == 201
        asked = browser.post("/api/auth/sign-in/passkey/options", json={}).json()
        done = browser.post(path, json={"credential": device.get(asked["options"])})
    else:
        secret = ada.client.post("/api/auth/totp", json={}).json()["shared_secret"]
        code = {"code": pyotp.TOTP(secret).now()}
        codes = ada.client.post("/api/auth/totp/confirm", json=code).json()["recovery_codes"]
        assert browser.post("/api/auth/sign-in", json=OWN).status_code == 202
        page = browser.get("/account", headers=HTML).text
        body = {"code": codes[0], "csrf_token": form_token(page)}
        if path.startswith("/api/"):
            done = browser.post(path, json={"code": codes[0]})
        else:
            done = browser.post(path, data=body, headers=HTML, follow_redirects=False)
    assert done.status_code in (200, 303), done.text
    given = str(done.cookies[COOKIE])
    assert given != planted
    assert (is_in(app, given), is_in(app, planted)) == (ADA, "")


@pytest.mark.parametrize(
    ("way", "planted"),
    [
        pytest.param(way, planted, id=f"{named(way)}-{planted}")
        for way in WAYS
        for planted in ("invented", "of the attacker")
        # Who is signed in becomes the operator themselves: see the ways inside.
        if not way.inside and (planted == "invented" or "{token}" not in way.path)
    ],
)
def test_a_planted_cookie_is_not_taken_over(
    app: FastAPI, host: Host, ada: SignedIn, browser: TestClient, way: Way, planted: str,
    make_user: MakeUser,
) -> None:  # fmt: skip
    evil = make_user("evil@example.com")
    invented = planted == "invented"
    secret = "A" * 43 if invented else str(evil.client.cookies[COOKIE])
    browser.cookies.set(COOKIE, secret)
    # Where somebody is signed in, forms carry their token: the attacker knows their own.
    done = Way(way.path, way.body, way.page, inside=way.page and not invented).go(browser, host)
    assert done.status_code in (200, 201, 303), done.text
    given = done.cookies[COOKIE]
    assert given != secret
    assert is_in(app, given) == way.body["email"]
    assert is_in(app, secret) == ""  # the session that was there before is over


@pytest.mark.parametrize("way", [way for way in WAYS if way.inside], ids=named)
def test_a_gain_of_rights_ends_the_old_secret(
    app: FastAPI, host: Host, ada: SignedIn, way: Way
) -> None:
    before = str(ada.client.cookies[COOKIE])
    done = way.go(ada.client, host)
    assert done.status_code in (200, 303), done.text
    after = str(done.cookies[COOKIE])
    assert after != before
    assert (is_in(app, before), is_in(app, after)) == ("", ADA)


def test_a_refused_way_gives_nothing(app: FastAPI, host: Host, ada: SignedIn) -> None:
    for way in WAYS:
        wrong = Way(way.path, way.body | {"password": "x"}, way.page, way.inside)
        if not way.body:
            continue
        user = ada.client if way.inside else TestClient(app)
        done = wrong.go(user, host)
        assert done.status_code in (401, 422), (way, done.status_code)
        assert COOKIE not in done.cookies


def test_a_secret_has_256_bits_and_only_its_hash_is_kept(host: Host, ada: SignedIn) -> None:
    made = {secrets.new_session_secret() for _ in range(2000)}
    assert len(made) == 2000
    raw = [base64.urlsafe_b64decode(each + "=") for each in made]
    assert {len(each) for each in raw} == {32}
    for place in range(32):  # no byte is constant, or nearly so
        assert len({each[place] for each in raw}) > 200
    secret = str(ada.client.cookies[COOKIE])
    with host.database.session(SYSTEM, readonly=True) as session:
        row = session.scalars(select(UserSession)).one()
    assert row.secret_hash == digest(secret)
    assert secret not in repr(vars(row))


def test_the_server_ends_a_session(app: FastAPI, ada: SignedIn) -> None:
    secret = str(ada.client.cookies[COOKIE])
    assert ada.client.post("/api/auth/sign-out", json={}).status_code == 204
    assert is_in(app, secret) == ""


def test_everywhere_else(app: FastAPI, host: Host, ada: SignedIn) -> None:
    others = []
    for _ in range(3):
        other = TestClient(app)
        assert other.post("/api/auth/sign-in", json=OWN).is_success
        others.append(other)
    page = ada.client.get("/account/sessions", headers=HTML).text
    token = form_token(page)
    done = ada.client.post("/account/sessions/revoke-others", data={"csrf_token": token})
    assert "3 other places" in done.text
    assert [each.get("/api/auth/me").status_code for each in others] == [401] * 3
    assert ada.client.get("/api/auth/me").status_code == 200
