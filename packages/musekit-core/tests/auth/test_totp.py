"""A code beside the password: asked for, good once, few tries, and a way back without the phone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from starlette.testclient import TestClient

from musekit.auth.federation.models import SignInFlow
from musekit.auth.models import User, UserSession
from musekit.auth.second_factors import recovery, totp
from musekit.auth.second_factors.models import RecoveryCode, UserTotp
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD, SignedIn

from .mailbox import link, mails

SYSTEM = Actor.system("tests")
HTML = {"accept": "text/html"}
MakeUser = Callable[..., SignedIn]


class App:
    """An authenticator app on a phone; each code it shows is of a step of its own."""

    def __init__(self, secret: str) -> None:
        self._clock = pyotp.HOTP(secret)
        self._ahead = -1

    def code(self) -> str:
        """The code of the next step that is still taken."""
        self._ahead += 1
        assert self._ahead <= 2, "no further step is taken now"
        return self.at(self._ahead - 1)

    def at(self, steps: int) -> str:
        """The code so many steps from now."""
        return self._clock.at(int(time.time()) // totp.STEP + steps)


@pytest.fixture(autouse=True)
def within_a_step() -> None:
    """Have some seconds before the step ends, so that codes stay what they are."""
    if totp.STEP - time.time() % totp.STEP < 8:
        time.sleep(totp.STEP - time.time() % totp.STEP + 0.1)


@pytest.fixture
def ada(make_user: MakeUser) -> SignedIn:
    return make_user("ada@example.com")


@pytest.fixture
def phone(ada: SignedIn) -> App:
    """Ada's phone, with the app set up; its first code is used."""
    return set_up(ada)[0]


def set_up(user: SignedIn) -> tuple[App, list[str]]:
    offer = user.client.post("/api/auth/totp", json={}).json()
    app = App(offer["shared_secret"])
    done = user.client.post("/api/auth/totp/confirm", json={"code": app.code()})
    assert done.status_code == 200, done.text
    return app, done.json()["recovery_codes"]


def half_way(app: FastAPI, user: SignedIn) -> TestClient:
    """A browser that has given the password."""
    browser = TestClient(app)
    body = {"email": user.email, "password": PASSWORD}
    answer = browser.post("/api/auth/sign-in", json=body)
    assert (answer.status_code, answer.json()) == (
        202, {"second_factor": ["totp", "recovery_code"]},
    )  # fmt: skip
    assert "musekit_session" not in browser.cookies
    assert browser.get("/api/auth/me").status_code == 401
    return browser


def give(browser: TestClient, code: str) -> Any:
    return browser.post("/api/auth/sign-in/second-factor", json={"code": code})


def test_set_up_and_come_in(app: FastAPI, host: Host, ada: SignedIn) -> None:
    other = TestClient(app)
    other.post("/api/auth/sign-in", json={"email": ada.email, "password": PASSWORD})
    before = ada.client.cookies["musekit_session"]
    phone, codes = set_up(ada)
    assert len(set(codes)) == recovery.HOW_MANY
    assert ada.client.cookies["musekit_session"] != before
    assert other.get("/api/auth/me").status_code == 401  # it had come in without
    assert len(mails(host, ada.email, "factors-changed")) == 1
    assert ada.client.get("/api/auth/factors").json() == {
        "totp": True, "recovery_codes_left": 10,
    }  # fmt: skip
    browser = half_way(app, ada)
    done = give(browser, phone.code())
    assert done.status_code == 200, done.text
    assert browser.get("/api/auth/me").json()["user"]["email"] == ada.email
    items = browser.get("/api/auth/sessions").json()["items"]
    assert ["password", "totp"] in [each["methods"] for each in items]


def test_it_counts_only_once_confirmed(app: FastAPI, ada: SignedIn) -> None:
    first = ada.client.post("/api/auth/totp", json={}).json()
    again = ada.client.post("/api/auth/totp", json={}).json()
    assert first == again  # the page loaded again shows what the app has
    body = {"email": ada.email, "password": PASSWORD}
    assert TestClient(app).post("/api/auth/sign-in", json=body).status_code == 200
    wrong = ada.client.post("/api/auth/totp/confirm", json={"code": "000000"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "code")
    assert not ada.client.get("/api/auth/factors").json()["totp"]


def test_the_secret_is_not_readable_at_rest(host: Host, ada: SignedIn) -> None:
    secret = ada.client.post("/api/auth/totp", json={}).json()["shared_secret"]
    assert len(secret) >= 32  # 160 bits
    with host.database.session(SYSTEM, readonly=True) as session:
        row = session.scalars(select(UserTotp)).one()
        assert secret not in row.secret_encrypted
    _, codes = set_up(ada)
    with host.database.session(SYSTEM, readonly=True) as session:
        hashes = session.scalars(select(RecoveryCode.code_hash)).all()
    assert {len(each) for each in hashes} == {32}
    assert ada.client.post("/api/auth/totp", json={}).status_code == 409  # it is not shown again
    assert not [code for code in codes if code in ada.client.get("/account/security/totp").text]


def test_a_code_is_good_once(app: FastAPI, ada: SignedIn, phone: App) -> None:
    code = phone.code()
    assert give(half_way(app, ada), code).status_code == 200
    assert give(half_way(app, ada), code).status_code == 401
    assert give(half_way(app, ada), phone.at(-1)).status_code == 401  # nor one before it


@pytest.mark.parametrize(
    ("steps", "good"), [(-3, False), (-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_clocks_may_differ_a_little(
    app: FastAPI, host: Host, ada: SignedIn, phone: App, steps: int, good: bool
) -> None:
    with host.database.session(SYSTEM) as session:
        session.execute(update(UserTotp).values(last_counter=0))
    assert give(half_way(app, ada), phone.at(steps)).status_code == (200 if good else 401)


@pytest.mark.parametrize(
    "code", ["", "1", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "' OR 1=1", "0" * 64, "\x00" * 6]
)
def test_what_is_no_code(app: FastAPI, ada: SignedIn, phone: App, code: str) -> None:
    assert give(half_way(app, ada), code).status_code == 401


def test_the_sixth_try_is_none(app: FastAPI, ada: SignedIn, phone: App) -> None:
    browser = half_way(app, ada)
    assert [give(browser, "000000").status_code for _ in range(6)] == [401] * 5 + [410]
    assert give(browser, phone.code()).status_code == 410  # the right one comes too late


def test_beginning_anew_gives_no_more_tries(app: FastAPI, ada: SignedIn, phone: App) -> None:
    codes = []
    for _ in range(3):
        browser = half_way(app, ada)
        codes += [give(browser, "000000").status_code for _ in range(5)]
    assert codes == [401] * 10 + [429] * 5
    assert give(half_way(app, ada), phone.code()).status_code == 429


def test_good_codes_are_not_counted(app: FastAPI, ada: SignedIn) -> None:
    codes = set_up(ada)[1]
    assert [give(half_way(app, ada), code).status_code for code in codes] == [200] * 10
    assert ada.client.get("/api/auth/factors").json()["recovery_codes_left"] == 0


def test_of_another_browser_it_is_nothing(app: FastAPI, ada: SignedIn, phone: App) -> None:
    half_way(app, ada)
    code = phone.code()
    assert give(TestClient(app), code).status_code == 410
    forged = TestClient(app, cookies={"musekit_flow": "x" * 43})
    assert give(forged, code).status_code == 410


def test_it_does_not_last(app: FastAPI, host: Host, ada: SignedIn, phone: App) -> None:
    browser = half_way(app, ada)
    with host.database.session(SYSTEM) as session:
        session.execute(update(SignInFlow).values(expires_at=utc_now() - timedelta(seconds=1)))
    assert give(browser, phone.code()).status_code == 410


def test_half_way_is_finished_once(app: FastAPI, ada: SignedIn) -> None:
    _, codes = set_up(ada)
    browser = half_way(app, ada)
    assert give(browser, codes[0]).status_code == 200
    assert give(browser, codes[1]).status_code == 410


def test_a_recovery_code_works_once_under_load(
    app: FastAPI, host: Host, ada: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, codes = set_up(ada)
    # No more: the tenth sign-in of a quarter of an hour is the last.
    browsers = [half_way(app, ada) for _ in range(9)]
    monkeypatch.setattr(host.limits, "hit", lambda policy, scope: None)
    ready, answers = threading.Barrier(len(browsers)), []

    def press(browser: TestClient) -> None:
        ready.wait()
        answers.append(give(browser, codes[0].lower().replace("-", " ")).status_code)

    threads = [threading.Thread(target=press, args=(each,)) for each in browsers]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(answers) == [200] + [401] * (len(browsers) - 1)
    (told,) = [each for each in mails(host, ada.email, "factors-changed") if "is left" in each
               or "are left" in each]  # fmt: skip
    assert "9 recovery codes are left" in told


def test_new_codes_replace_the_old(app: FastAPI, ada: SignedIn) -> None:
    _, old = set_up(ada)
    new = ada.client.post("/api/auth/recovery-codes", json={}).json()["recovery_codes"]
    assert not set(old) & set(new)
    assert give(half_way(app, ada), old[0]).status_code == 401
    assert give(half_way(app, ada), new[0]).status_code == 200


def test_a_dangerous_act_asks_for_the_code_too(
    app: FastAPI, host: Host, ada: SignedIn, phone: App
) -> None:
    with host.database.session(SYSTEM) as session:
        session.execute(update(UserSession).values(authenticated_at=utc_now() - timedelta(hours=1)))
    assert ada.client.delete("/api/auth/totp").status_code == 403
    proof = {"password": PASSWORD}
    assert ada.client.post("/api/auth/re-authenticate", json=proof).status_code == 401
    assert 'name="code"' in ada.client.get("/re-authenticate", headers=HTML).text
    wrong = proof | {"code": "000000"}
    assert ada.client.post("/api/auth/re-authenticate", json=wrong).status_code == 401
    right = {"password": "not it at all", "code": phone.at(1)}
    assert ada.client.post("/api/auth/re-authenticate", json=right).status_code == 401
    assert ada.client.delete("/api/auth/totp").status_code == 403
    good = proof | {"code": phone.at(1)}  # a wrong password has not used it up
    assert ada.client.post("/api/auth/re-authenticate", json=good).status_code == 200
    assert ada.client.delete("/api/auth/totp").status_code == 204


def test_off_again(app: FastAPI, host: Host, ada: SignedIn) -> None:
    phone, codes = set_up(ada)
    other = half_way(app, ada)
    give(other, phone.code())
    assert ada.client.delete("/api/auth/totp").status_code == 204
    assert other.get("/api/auth/me").status_code == 401
    assert ada.client.get("/api/auth/me").status_code == 200
    body = {"email": ada.email, "password": PASSWORD}
    assert TestClient(app).post("/api/auth/sign-in", json=body).status_code == 200
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(RecoveryCode)).all() == []
    assert ada.client.delete("/api/auth/totp").status_code == 404
    again = App(ada.client.post("/api/auth/totp", json={}).json()["shared_secret"])
    assert again.at(0) != phone.at(0)  # another secret than before


def test_by_pages(app: FastAPI, ada: SignedIn) -> None:
    page = ada.client.get("/account/security/totp", headers=HTML).text
    assert "data:image/svg+xml" in page
    secret = page.partition('class="mono wrap">')[2].partition("<")[0].replace(" ", "")
    phone = App(secret)
    form = {"csrf_token": token_in(page)}
    wrong = ada.client.post("/account/security/totp", data=form | {"code": "000000"})
    assert wrong.status_code == 422
    assert "data:image/svg+xml" in wrong.text
    spaced = phone.code()[:3] + " " + phone.at(-1)[3:]
    done = ada.client.post("/account/security/totp", data=form | {"code": spaced})
    assert done.status_code == 200, done.text
    assert "Keep these codes now" in done.text
    saved = {"name": "Ada", "timezone": "UTC", "csrf_token": token_in(done.text)}
    assert ada.client.post("/account", data=saved).status_code == 200  # its forms still work

    browser = TestClient(app)
    typed = {"email": ada.email, "password": PASSWORD, "next": "/account/sessions"}
    asked = browser.post("/sign-in", data=typed, headers=HTML, follow_redirects=False)
    assert asked.headers["location"] == "/sign-in/second-factor"
    assert "Your code" in browser.get("/sign-in/second-factor", headers=HTML).text
    refused = browser.post("/sign-in/second-factor", data={"code": "000000"}, headers=HTML)
    assert refused.status_code == 422
    entered = browser.post(
        "/sign-in/second-factor", data={"code": phone.code()}, follow_redirects=False
    )
    assert entered.headers["location"] == "/account/sessions"
    stranger = TestClient(app).get("/sign-in/second-factor", follow_redirects=False)
    assert stranger.headers["location"] == "/sign-in"


def token_in(page: str) -> str:
    return page.partition('name="csrf_token" value="')[2].partition('"')[0]


def test_a_forgotten_password_does_not_get_around_it(
    app: FastAPI, host: Host, ada: SignedIn, phone: App
) -> None:
    browser = TestClient(app)
    browser.post("/api/auth/forgot", json={"email": ada.email})
    secret = link(host, ada.email, "reset-password").rpartition("/")[2]
    fresh = {"link": secret, "password": "a pelican under umbrellas"}
    with host.database.session(SYSTEM) as session:  # of a mailbox that is proven
        session.get_one(User, ada.user_id).email_verified_at = utc_now()
    assert browser.post("/api/auth/reset", json=fresh).status_code == 204
    body = {"email": ada.email, "password": "a pelican under umbrellas"}
    assert browser.post("/api/auth/sign-in", json=body).status_code == 202
