"""Coming in by a real OpenID Connect provider: npm's oidc-provider on loopback, and our processes.

The provider is the official reference of its kind: it demands PKCE, gives each code once, and
tells an address by userinfo alone. To browsers it is another site than ours, as in life.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pyotp
import pytest
import sqlalchemy as sa
from tests.e2e.conftest import Deploy
from tests.support import oidc
from tests.support.chromium import launched
from tests.support.deployment import PASSWORD, Deployment

from musekit.auth.models import UserSession
from musekit.kernel.database.types import utc_now
from musekit.testing.servers import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# The first run on a machine installs the provider.
pytestmark = [pytest.mark.peer, pytest.mark.timeout(600)]

HTML = {"accept": "text/html"}
KEY, AWAY, FAR = "elsewhere", "away", "far"


@dataclass(frozen=True)
class Place:
    """A deployment with a provider beside it, and two that nobody has started yet."""

    deployment: Deployment
    peer: oidc.Peer
    ports: dict[str, int]  #: of all providers

    @property
    def url(self) -> str:
        """Ours, as browsers know it."""
        return f"http://localhost:{self.deployment.port}"

    def back(self, key: str) -> str:
        """The way back from a provider."""
        return f"{self.url}/sign-in/return/{key}"

    def age(self) -> None:
        """Let everybody's proof of who they are be an hour old."""
        urls = self.deployment.urls
        assert urls is not None
        engine = sa.create_engine(urls.system_url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            old = utc_now() - timedelta(hours=1)
            connection.execute(sa.update(UserSession).values(authenticated_at=old))


@pytest.fixture(scope="module")
def place(deploy: Deploy) -> Iterator[Place]:
    try:
        oidc.installed()
    except oidc.PeerMissingError as reason:
        pytest.skip(f"no OpenID Connect provider: {reason}")
    ports = {key: free_port() for key in (KEY, AWAY, FAR)}
    apps = [
        {"key": key, "label": key.title(), "issuer": f"http://127.0.0.1:{port}",
         "client_id": "musekit", "client_secret": oidc.CLIENT_SECRET}
        for key, port in ports.items()
    ]  # fmt: skip
    deployment = deploy(
        MUSEKIT_AUTH_OIDC=json.dumps(apps),
        MUSEKIT_LIMIT_SIGN_IN_ADDRESS="100000/900",
        MUSEKIT_OUTBOUND_ALLOW=json.dumps([f"127.0.0.1:{port}" for port in ports.values()]),
    )
    deployment.environment["MUSEKIT_PUBLIC_URL"] = f"http://localhost:{deployment.port}"
    deployment.serve()
    back = f"http://localhost:{deployment.port}/sign-in/return/{KEY}"
    with oidc.running([back], ports[KEY]) as peer:
        yield Place(deployment, peer, ports)


# --- Step by step, over HTTP ---


@dataclass
class Visitor:
    """Somebody with a browser of ours and one at the provider."""

    place: Place
    login: str
    key: str = KEY
    browser: httpx.Client = field(init=False)
    there: oidc.User = field(init=False)

    def __post_init__(self) -> None:
        self.browser = httpx.Client(base_url=self.place.url, timeout=30, headers=HTML)
        there = oidc.Peer(f"http://127.0.0.1:{self.place.ports[self.key]}", "", "")
        self.there = oidc.User(there, self.login)

    def begin(self, **query: str) -> str:
        """Press the button; return where that leads."""
        answer = self.browser.get(f"/sign-in/with/{self.key}", params=query)
        assert answer.status_code == 303, answer.text[-2000:]
        return answer.headers["location"]

    def back(self, **query: str) -> str:
        """Go there and agree; return the address that one comes back by."""
        return self.there.agree(self.begin(**query))

    def me(self) -> str:
        """The address of who is signed in here; empty for nobody."""
        answer = self.browser.get("/api/auth/me", headers={"accept": "application/json"})
        return str(answer.json()["user"]["email"]) if answer.is_success else ""


def test_what_is_asked_of_the_provider(place: Place) -> None:
    ada = Visitor(place, "first@people.example")
    asked = parse_qs(urlsplit(ada.begin()).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [place.back(KEY)]
    made = ada.browser.get(ada.back(next="/account/security"))
    assert (made.status_code, made.headers["location"]) == (303, "/account/security")
    assert ada.me() == ada.login
    assert "confirmed" in ada.browser.get("/account/security").text
    # The provider itself takes no code twice, and none without the verifier that is kept here.
    again = Visitor(place, ada.login)
    back = again.back()
    stranger = httpx.Client(base_url=place.url, headers=HTML)
    assert stranger.get(back).headers["location"] == "/sign-in"
    assert again.browser.get(back).headers["location"] == "/dashboard"
    assert again.browser.get(back).headers["location"] == "/account/security"  # it is over
    assert again.me() == ada.login


def test_a_provider_that_is_down_slow_and_has_new_keys(place: Place) -> None:
    backs = [place.back(AWAY)]
    eve = Visitor(place, "eve@people.example", AWAY)
    assert eve.begin() == "/sign-in"  # nobody is sent to where nothing answers
    shown = eve.browser.get("/sign-in").text
    assert "Away does not answer as it should" in shown
    assert 'name="password"' in shown

    with oidc.running(backs, place.ports[AWAY], slow={"/token": 1500, "/jwks": 500}):
        back, came, served = eve.back(), [], 0
        waiting = threading.Thread(target=lambda: came.append(eve.browser.get(back)))
        began = time.monotonic()
        waiting.start()
        other = httpx.Client(base_url=place.url, headers=HTML)
        while waiting.is_alive():
            assert other.get("/sign-in").status_code == 200
            served += waiting.is_alive()
            waiting.join(0.05)
        assert time.monotonic() - began > 1.9
        assert served, "others were not served meanwhile"
        assert came[0].headers["location"] == "/dashboard"
        assert eve.me() == eve.login
        late = Visitor(place, eve.login, AWAY)
        back = late.back()

    answer = late.browser.get(back)  # it is gone after it has given the code
    assert answer.headers["location"].startswith("/sign-in")
    assert "Away does not answer as it should" in late.browser.get("/sign-in").text
    assert late.me() == ""

    with oidc.running(backs, place.ports[AWAY]):  # anew, with other keys than we have read
        again = Visitor(place, eve.login, AWAY)
        assert again.browser.get(again.back()).headers["location"] == "/dashboard"
        assert again.me() == eve.login


# --- In Chromium ---


class Person:
    """Somebody with one browser for us and for the provider."""

    def __init__(self, browser: Browser, place: Place, name: str) -> None:
        self.place, self.email = place, f"{name}@people.example"
        self.page: Page = browser.new_context(base_url=place.url).new_page()
        self.page.set_default_timeout(15_000)

    def press(self, name: str, role: Any = "button") -> None:
        """Press what has a name, and be where it leads."""
        with self.page.expect_navigation():
            self.page.get_by_role(role, name=name, exact=True).click()

    def agree(self, login: str = "") -> int:
        """Do whatever the provider asks; return how often it asked for the login."""
        asked = 0
        while not self.page.url.startswith(self.place.url):
            field_ = self.page.locator("input[name=login]")
            if field_.count():
                field_.fill(login or self.email)
                self.page.locator("input[name=password]").fill("any")
                asked += 1
            with self.page.expect_navigation():
                self.page.locator("button[type=submit]").click()
        return asked

    def come(self, login: str = "", key: str = KEY) -> int:
        """Come in by a provider; see `agree`."""
        self.page.goto("/sign-in")
        self.press(f"Continue with {key.title()}", "link")
        return self.agree(login)

    def sign_up(self) -> None:
        """Make an account with a password."""
        body = {"email": self.email, "password": PASSWORD}
        assert self.page.request.post("/api/auth/sign-up", data=body).ok

    def sign_out(self) -> None:
        """Sign out."""
        self.page.goto("/dashboard")
        with self.page.expect_navigation():
            self.page.locator('form[action="/sign-out"]').first.evaluate("it => it.requestSubmit()")

    def json(self, path: str, body: dict[str, str] | None = None) -> Any:
        """Ask our API as the page would."""
        if body is None:
            return self.page.request.get(path).json()
        answer = self.page.request.post(path, data=body)
        assert answer.ok, answer.text()
        return answer.json()

    @property
    def me(self) -> str:
        """Who is signed in here; empty for nobody."""
        answer = self.page.request.get("/api/auth/me")
        return str(answer.json()["user"]["id"]) if answer.ok else ""

    @property
    def path(self) -> str:
        """Where one is, here."""
        assert self.page.url.startswith(self.place.url), self.page.url
        return urlsplit(self.page.url).path

    def sees(self, text: str) -> None:
        """Wait until a text is there."""
        self.page.get_by_text(text).first.wait_for()


@pytest.mark.browser
def test_somebody_new_and_again(place: Place) -> None:
    with launched() as browser:
        ada = Person(browser, place, "ada")
        assert ada.come() == 1
        assert ada.path == "/dashboard"
        assert (made := ada.me)
        assert ada.json("/api/auth/me")["user"]["email"] == ada.email
        ada.sign_out()
        assert ada.me == ""
        assert ada.come() == 0  # the provider knows this browser still
        assert (ada.path, ada.me) == ("/dashboard", made)
        elsewhere = Person(browser, place, "ada")
        assert elsewhere.come() == 1
        assert elsewhere.me == made


@pytest.mark.browser
def test_a_provider_on_its_bad_day(place: Place) -> None:
    """Down, then slow, then with other keys: what a person sees of it."""
    with launched() as browser:
        finn = Person(browser, place, "finn")
        assert finn.come(key=FAR) == 0
        assert finn.path == "/sign-in"
        finn.sees("Far does not answer as it should just now. Nothing was changed.")
        with oidc.running([place.back(FAR)], place.ports[FAR], slow={"/token": 1000, "/me": 500}):
            assert finn.come(key=FAR) == 1
            assert finn.path == "/dashboard"
            made = finn.me
            finn.sign_out()
        with oidc.running([place.back(FAR)], place.ports[FAR]):
            assert finn.come(key=FAR) == 1  # it has forgotten this browser, too
            assert (finn.path, finn.me) == ("/dashboard", made)


@pytest.mark.browser
def test_consent_refused(place: Place) -> None:
    with launched() as browser:
        dora = Person(browser, place, "dora")
        for step in ("the login", "the consent"):
            dora.page.goto("/sign-in")
            dora.press("Continue with Elsewhere", "link")
            if step == "the consent":
                dora.page.locator("input[name=login]").fill(dora.email)
                dora.page.locator("input[name=password]").fill("any")
                with dora.page.expect_navigation():
                    dora.page.locator("button[type=submit]").click()
                assert dora.page.get_by_role("button", name="Continue").is_visible()
            with dora.page.expect_navigation():
                dora.page.locator('a[href$="/abort"]').click()
            assert dora.path == "/sign-in", step
            dora.sees("Elsewhere did not let you through. Nothing was changed.")
            assert dora.me == ""
        dora.come()
        assert dora.me


@pytest.mark.browser
def test_a_known_address_is_never_linked_by_itself(place: Place) -> None:
    with launched() as browser:
        owner = Person(browser, place, "cleo")
        owner.sign_up()
        cleo = Person(browser, place, "cleo")
        cleo.come()
        cleo.sees("There is an account with this address")
        cleo.sees("link Elsewhere under Account, Security")
        assert cleo.me == ""
        assert owner.json("/api/auth/identities")["items"] == []

        cleo.press("Sign in", "link")  # as it is told
        cleo.page.get_by_label("E-mail").fill(cleo.email)
        cleo.page.get_by_label("Password").fill(PASSWORD)
        cleo.press("Sign in")
        assert cleo.me == owner.me
        cleo.page.goto("/account/security")
        cleo.press("Accounts elsewhere", "link")
        cleo.press("Link Elsewhere")
        cleo.agree()
        assert cleo.path == "/account/identities"
        cleo.sees("You can come in by Elsewhere from now on.")
        cleo.sign_out()
        cleo.come()
        assert cleo.me == owner.me


@pytest.mark.browser
def test_link_second_factor_proof_and_unlink(place: Place) -> None:
    with launched() as browser:
        bea = Person(browser, place, "bea")
        bea.sign_up()
        me = bea.me
        # Linking asks for a recent proof.
        place.age()
        bea.page.goto("/account/identities")
        bea.press("Link Elsewhere")
        assert bea.path == "/re-authenticate"
        bea.page.get_by_label("Password").fill(PASSWORD)
        bea.press("Confirm")
        assert bea.path == "/account/identities"
        bea.press("Link Elsewhere")
        bea.agree("bea-there@people.example")
        bea.sees("You can come in by Elsewhere from now on.")
        (mine,) = bea.json("/api/auth/identities")["items"]
        assert (mine["provider"], mine["email"]) == (KEY, "bea-there@people.example")

        # With a second factor the provider alone lets nobody in.
        app = pyotp.TOTP(bea.json("/api/auth/totp", {})["shared_secret"])
        codes = bea.json("/api/auth/totp/confirm", {"code": app.now()})["recovery_codes"]
        bea.sign_out()
        bea.come("bea-there@people.example")
        assert (bea.path, bea.me) == ("/sign-in/second-factor", "")
        bea.page.get_by_label("Code").fill(app.at(int(time.time()) + 30))  # each is taken once
        bea.press("Sign in")
        assert (bea.path, bea.me) == ("/dashboard", me)

        # A dangerous act: the provider is asked for a proof anew, of the same person.
        place.age()
        bea.page.goto("/account/tokens")
        assert bea.path == "/re-authenticate"
        bea.press("Confirm with Elsewhere")
        assert bea.agree("mallory@people.example") == 1
        bea.sees("That is not the Elsewhere account that yours is linked with.")
        assert bea.path == "/re-authenticate"
        bea.press("Confirm with Elsewhere")
        assert bea.agree("bea-there@people.example") == 1
        assert bea.path == "/sign-in/second-factor"
        bea.page.get_by_label("Code").fill(codes[0])
        bea.press("Confirm")
        assert bea.path == "/account/tokens"
        assert bea.me == me

        bea.page.goto("/account/identities")
        bea.press("Unlink Elsewhere bea-there@people.example")
        bea.sees("Unlinked. All other browsers are signed out.")
        assert bea.json("/api/auth/identities")["items"] == []
        bea.sign_out()
        bea.come("bea-there@people.example")
        assert bea.me not in (me, "")  # an account of their own now
