"""The core with SAML and nothing else; an organization that is connected to a provider."""

from __future__ import annotations

import base64
import re
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from tests.support.saml import messages

from musekit.kernel.actors import Actor
from musekit.kernel.build import build_host
from musekit.kernel.host import Host
from musekit.kernel.settings import CoreSettings
from musekit.testing.pytest_plugin import SignedIn
from musekit_auth_saml import addresses, connections
from musekit_auth_saml.models import SamlConnection
from musekit_auth_saml.provider_side import entered

SYSTEM = Actor.system("tests")
SSO = "https://idp.example/sso"
HTML = {"accept": "text/html"}


@pytest.fixture(scope="session")
def xmlsec1() -> str:
    """The program that signs and verifies."""
    found = shutil.which("xmlsec1")
    if found is None:
        pytest.skip("no xmlsec1 here: apt-get install xmlsec1")
    return found


@pytest.fixture(scope="session")
def key() -> messages.Key:
    """What the provider signs with."""
    return messages.new_key()


@pytest.fixture(scope="session")
def other_key() -> messages.Key:
    """A key of somebody else."""
    return messages.new_key("attacker.example")


@pytest.fixture
def host(settings: CoreSettings) -> Iterator[Host]:
    built = build_host(settings, plugins=["musekit_auth_saml"], strict=True)
    yield built
    built.close()


@dataclass
class Visitor:
    """A browser that is signed in nowhere, and what it was sent to the provider with."""

    connection: Connection
    browser: TestClient
    request_id: str = ""
    state: str = ""

    def begin(self, **query: str) -> Visitor:
        """Go to the provider."""
        asked = {"hint": str(self.connection.id), **query}
        went = self.browser.get("/sign-in/with/saml", params=asked, follow_redirects=False)
        assert went.status_code == 303, went.text
        assert went.headers["location"].startswith(f"{self.connection.sso_url}?"), went.headers
        sent = parse_qs(urlsplit(went.headers["location"]).query)
        request = zlib.decompress(base64.b64decode(sent["SAMLRequest"][0]), -15).decode()
        found = re.search(r' ID="([^"]+)"', request)
        assert found
        self.request_id, self.state = found[1], sent["RelayState"][0]
        return self

    def answer(self, **changes: Any) -> messages.Answer:
        """Return what a good provider says now, or what one says that errs in these."""
        return replace(self.connection.answer(self.request_id), **changes)

    def post(self, xml: str | bytes, *, to: UUID | None = None, **more: Any) -> httpx.Response:
        """Bring an answer, as the provider's page makes the browser do: without its cookies."""
        raw = xml.encode() if isinstance(xml, str) else xml
        form = {"SAMLResponse": base64.b64encode(raw).decode(), "RelayState": self.state, **more}
        return TestClient(self.browser.app).post(
            f"/sign-in/saml/{to or self.connection.id}/acs", data=form, follow_redirects=False,
            headers={"origin": "https://idp.example", "sec-fetch-site": "cross-site", **HTML},
        )  # fmt: skip

    def come(self, xml: str | bytes) -> httpx.Response:
        """Bring an answer and go where it leads."""
        brought = self.post(xml)
        assert brought.status_code == 303, brought.text
        return self.back(brought.headers["location"])

    def back(self, address: str) -> httpx.Response:
        parts = urlsplit(address)
        return self.browser.get(f"{parts.path}?{parts.query}", follow_redirects=False, headers=HTML)

    def me(self) -> str:
        """The address of who is signed in; empty for nobody."""
        answer = self.browser.get("/api/auth/me")
        return str(answer.json()["user"]["email"]) if answer.is_success else ""


@dataclass
class Connection:
    """A connection that is switched on, and its provider."""

    host: Host
    app: FastAPI
    id: UUID
    organization_id: UUID
    entity_id: str
    key: messages.Key
    sso_url: str = SSO
    open: list[TestClient] = field(default_factory=list)

    def visitor(self) -> Visitor:
        """Return somebody who has just opened their browser."""
        return Visitor(self, TestClient(self.app))

    def answer(self, request_id: str) -> messages.Answer:
        return messages.Answer(
            issuer=self.entity_id, audience=addresses.entity_id(self.host, self.id),
            recipient=addresses.consumer(self.host, self.id), in_response_to=request_id,
        )  # fmt: skip

    def row(self) -> SamlConnection:
        with self.host.database.session(SYSTEM, readonly=True) as session:
            return session.get_one(SamlConnection, self.id)


@dataclass
class Team:
    """An organization, and its owner who is in its first space."""

    host: Host
    app: FastAPI
    owner: SignedIn
    id: UUID
    space_id: UUID

    def connect(self, key: messages.Key, entity_id: str = "https://idp.example/a") -> Connection:
        """Connect a provider."""
        with self.host.database.session(SYSTEM) as session:
            row = connections.create(session, self.id, "Crew")
            side = entered(entity_id, SSO, key.certificate)
            connections.change(session, row, label="Crew", side=side, enabled=True)
            made = row.id
        return Connection(self.host, self.app, made, self.id, entity_id, key)

    def press(self, path: str, who: SignedIn | None = None, **form: str) -> httpx.Response:
        """Send a form as a browser does."""
        client = (who or self.owner).client
        page = client.get("/organization/new").text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        return client.post(
            path, data={"csrf_token": token, **form}, headers=HTML, follow_redirects=False
        )  # fmt: skip


@pytest.fixture
def make_team(
    host: Host, app: FastAPI, make_user: Callable[..., SignedIn]
) -> Callable[[str], Team]:
    def make(name: str) -> Team:
        owner = make_user()
        made = owner.client.post("/api/organizations", json={"name": name}).json()
        space_id = made["space"]["id"]
        assert owner.client.post("/api/spaces/switch", json={"space_id": space_id}).is_success
        return Team(host, app, owner, UUID(made["organization"]["id"]), UUID(space_id))

    return make


@pytest.fixture
def team(make_team: Callable[[str], Team]) -> Team:
    return make_team("Juniper")


@pytest.fixture
def connection(team: Team, key: messages.Key, xmlsec1: str) -> Connection:
    return team.connect(key)
