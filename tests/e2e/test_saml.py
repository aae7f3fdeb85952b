"""Coming in by real SAML providers in processes of their own: pysaml2's, and npm's samlp.

The provider is reached under another site's name than ours, so its answers come across sites.
"""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.e2e.conftest import Deploy
from tests.support.chromium import launched
from tests.support.deployment import PASSWORD, Deployment
from tests.support.saml import attacks, peer

if TYPE_CHECKING:
    from playwright.sync_api import Page

# The first run on a machine installs the second provider.
pytestmark = [pytest.mark.peer, pytest.mark.timeout(600)]
HTML = {"accept": "text/html"}
#: Signing assertions, and such as sign the response as well.
PROVIDERS = ["pysaml2", "pysaml2-both", "samlp", "samlp-both"]


@dataclass
class Visitor:
    """Somebody with a browser of ours."""

    url: str
    browser: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.browser = httpx.Client(base_url=self.url, timeout=30, headers=HTML)

    def press(self, page: str, to: str, **form: str) -> httpx.Response:
        """Send a form of a page."""
        shown = self.browser.get(page)
        assert shown.status_code == 200, f"{shown.status_code} {shown.headers.get('location')}"
        token = re.search(r'name="csrf_token" value="([^"]+)"', shown.text)
        assert token
        assert f'action="{to}"' in shown.text
        return self.browser.post(to, data={"csrf_token": token[1], **form})

    def bring(self, form: tuple[str, dict[str, str]]) -> httpx.Response:
        """Send a form of another site, as a browser does: without our cookies."""
        headers = {"origin": "null", "sec-fetch-site": "cross-site", **HTML}
        return httpx.post(form[0], data=form[1], headers=headers, timeout=30)

    def me(self) -> dict[str, object]:
        answer = self.browser.get("/api/auth/me", headers={"accept": "application/json"})
        return answer.json() if answer.is_success else {}


@dataclass(frozen=True)
class Place:
    """An organization that has connected a provider."""

    url: str
    provider: peer.Peer
    entrance: str  #: its sign-in page

    def begin(self, visitor: Visitor, **query: str) -> str:
        """Press the button of the organization's entrance; return where that leads."""
        shown = visitor.browser.get(self.entrance, params=query)
        found = re.search(r'href="(/sign-in/with/saml[^"]+)"', shown.text)
        assert found, shown.text
        went = visitor.browser.get(found[1].replace("&amp;", "&"))
        assert went.status_code == 303, went.text
        return went.headers["location"]


@pytest.fixture(scope="module")
def deployment(deploy: Deploy) -> Deployment:
    """One for all providers: each is an organization's own."""
    if shutil.which("xmlsec1") is None:
        pytest.skip("no xmlsec1 here: apt-get install xmlsec1")
    made = deploy(MUSEKIT_LIMIT_SIGN_IN_ADDRESS="100000/900")
    made.serve()
    return made


@pytest.fixture(scope="module", params=PROVIDERS)
def provider(
    request: pytest.FixtureRequest, deployment: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[peer.Peer]:
    name, _, both = request.param.partition("-")
    run = {"pysaml2": peer.pysaml2, "samlp": peer.samlp}[name]
    with ExitStack() as stack:
        try:
            made = stack.enter_context(run(tmp_path_factory.mktemp("idp"), both=bool(both)))
        except peer.PeerMissingError as reason:
            pytest.skip(f"no SAML provider: {reason}")
        yield made


@pytest.fixture(scope="module")
def place(deployment: Deployment, provider: peer.Peer) -> Place:
    owner = Visitor(deployment.url)
    email = f"owner-{provider.url.rpartition(':')[2]}@people.example"
    body = {"email": email, "password": PASSWORD}
    assert owner.browser.post("/api/auth/sign-up", json=body).is_success
    assert owner.press("/organization/new", "/organization/new", name="Juniper").is_redirect
    made = owner.press("/organization/saml", "/organization/saml", label="Juniper")
    page = made.headers["location"]
    metadata = provider.metadata
    assert owner.press(
        page, page, label="Juniper", metadata=metadata, enabled="on"
    ).is_redirect  # fmt: skip
    return Place(deployment.url, provider, f"/sign-in/saml/{page.rpartition('/')[2]}")


def someone(place: Place, name: str) -> str:
    """A login of somebody whom no other organization here knows."""
    return f"{name}-{place.provider.url.rpartition(':')[2]}"


def test_somebody_new_and_somebody_known(place: Place) -> None:
    first, ada, bob = Visitor(place.url), someone(place, "ada"), someone(place, "bob")
    address = place.begin(first, next="/dashboard?from=saml")
    assert address.startswith(f"{place.provider.url}/sso?")
    brought = first.bring(place.provider.sign_in(address, ada))
    assert brought.status_code == 303, brought.text
    came = first.browser.get(brought.headers["location"])
    assert (came.status_code, came.headers["location"]) == (303, "/dashboard?from=saml")
    user = first.me()["user"]
    assert (user["email"], user["name"]) == (f"{ada}@people.example", ada.capitalize())

    again = Visitor(place.url)
    brought = again.bring(place.provider.sign_in(place.begin(again), ada))
    again.browser.get(brought.headers["location"])
    assert again.me()["user"]["id"] == user["id"]
    other = Visitor(place.url)
    brought = other.bring(place.provider.sign_in(place.begin(other), bob))
    other.browser.get(brought.headers["location"])
    assert other.me()["user"]["email"] == f"{bob}@people.example"


def test_who_cancels_is_not_in(place: Place) -> None:
    visitor = Visitor(place.url)
    answer = visitor.bring(place.provider.cancel(place.begin(visitor)))
    assert answer.status_code == 422
    assert "did not sign you in" in answer.text
    assert visitor.me() == {}


def test_what_is_signed_can_be_neither_changed_nor_used_twice(place: Place) -> None:
    visitor = Visitor(place.url)
    target, fields = place.provider.sign_in(place.begin(visitor), "eve")
    raw = base64.b64decode(fields["SAMLResponse"])
    turned = base64.b64encode(raw.replace(b"of-eve", b"of-ada")).decode()
    assert visitor.bring((target, {**fields, "SAMLResponse": turned})).status_code == 422
    brought = visitor.bring((target, fields))
    assert brought.status_code == 303
    assert visitor.bring((target, fields)).status_code == 422
    stranger = Visitor(place.url)
    stranger.browser.get(brought.headers["location"])
    assert stranger.me() == {}


def test_signature_wrapping_xsw1_to_xsw8(
    place: Place, provider: peer.Peer, request: pytest.FixtureRequest
) -> None:
    """XSW1–8 on answers of either library: pysaml2, which signs by xmlsec1, and samlp (xml-crypto).

    XSW1 and 2 need a signed response; so of providers that sign assertions only, 3 to 8.
    """
    visitor = Visitor(place.url)
    target, fields = provider.sign_in(place.begin(visitor), "eve")
    honest = base64.b64decode(fields["SAMLResponse"]).decode()
    both = request.node.callspec.params["provider"].endswith("-both")
    names = [name for name in attacks.WRAPPINGS if both or name not in ("XSW1", "XSW2")]
    accepted, tried = [], 0
    for name in names:
        for same_id in (False, True):
            wrapped = attacks.WRAPPINGS[name](honest, same_id)
            assert attacks.VICTIM in wrapped, name
            raw = base64.b64encode(wrapped.encode()).decode()
            answer = visitor.bring((target, {**fields, "SAMLResponse": raw}))
            tried += 1
            if answer.status_code != 422:
                accepted.append(f"{name}: {answer.status_code}")
    print(f"{names[0]} to {names[-1]}: {tried} answers tried, {len(accepted)} accepted")
    assert accepted == []
    assert len(names) == (8 if both else 6)
    brought = visitor.bring((target, fields))  # the untouched answer to the same request
    assert brought.status_code == 303, brought.text


@pytest.mark.browser
@pytest.mark.parametrize("provider", ["pysaml2", "samlp-both"], indirect=True)
def test_an_owner_sets_it_up_and_a_member_comes_in(
    deployment: Deployment, provider: peer.Peer, tmp_path: Path
) -> None:
    """From the file with the provider's metadata to a first sign-in, across sites."""
    file = tmp_path / "metadata.xml"
    file.write_text(provider.metadata)
    name = provider.url.rpartition(":")[2]
    with launched() as browser:
        page = browser.new_context(base_url=deployment.url).new_page()
        page.set_default_timeout(20_000)
        body = {"email": f"boss-{name}@people.example", "password": PASSWORD}
        assert page.request.post("/api/auth/sign-up", data=body).ok
        page.goto("/organization/new")
        page.get_by_label("Name").fill("Cedar")
        page.get_by_role("button", name="Make it").click()
        page.wait_for_url(lambda url: not url.endswith("/new"))
        page.goto("/organization")
        page.get_by_role("link", name="Single sign-on").first.click()
        page.get_by_label("Name").fill("Cedar")
        page.get_by_role("button", name="Begin").click()
        consumer = page.get_by_label("Assertion consumer service").input_value()
        assert consumer.startswith(f"{deployment.url}/sign-in/saml/")
        page.get_by_label("Metadata of the provider, as a file").set_input_files(file)
        page.get_by_role("button", name="Save").click()
        page.get_by_text("The connection is switched on.").wait_for()
        assert page.get_by_label("Sign-in address").input_value().startswith(provider.url)
        entrance = page.get_by_label("Their sign-in page").input_value()
        assert "BEGIN CERTIFICATE" in page.get_by_label("Certificates").input_value()

        cleo = browser.new_context().new_page()
        cleo.set_default_timeout(20_000)
        come(cleo, entrance, f"cleo-{name}")
        cleo.wait_for_url(f"{deployment.url}/dashboard")
        me = cleo.evaluate("() => fetch('/api/auth/me').then((answer) => answer.json())")
        assert me["user"]["email"] == f"cleo-{name}@people.example"
        assert me["space"]["role"] == "viewer"
        page.goto("/organization/members")
        page.get_by_text(f"cleo-{name}@people.example").first.wait_for()

        other = browser.new_context().new_page()  # and who cancels there
        other.set_default_timeout(20_000)
        other.goto(entrance)
        other.get_by_role("link", name="Go on").click()
        other.get_by_role("button", name="Cancel").click()
        other.get_by_text("did not sign you in").first.wait_for()


def come(page: Page, entrance: str, login: str) -> None:
    """Sign in by the organization's page."""
    page.goto(f"{entrance}?next=/dashboard")
    page.get_by_role("link", name="Go on").click()
    page.get_by_label("Login").fill(login)
    page.get_by_role("button", name="Sign in").click()
