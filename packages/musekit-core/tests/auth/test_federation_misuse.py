"""Answers brought by the wrong browser, at the wrong time, for the wrong thing (D12, D14).

The cases are in `tests.support.misuse`; here OpenID Connect and GitHub are asked, and in
musekit-auth-saml an organization's own provider. Tokens that lie: `test_id_tokens`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from tests.support import evil_oidc, misuse
from tests.support.evil_oidc import Evil, Lies
from tests.support.misuse.scene import MALLORY, VICTIM, Scene, There, Visitor

from musekit.kernel.app import create_app
from musekit.kernel.host import Host
from musekit.kernel.settings import CoreSettings
from musekit.testing.pytest_plugin import sign_in

from .federated import host_with, links

Evils = tuple[Evil, Evil]


@dataclass
class OAuthWay:
    """A provider that plays OpenID Connect, or GitHub, which gives people numbers."""

    key: str
    evil: Evil

    @property
    def kind(self) -> str:
        return "github" if self.key == "github" else "oidc"

    @property
    def people(self) -> Mapping[str, There]:
        names = {"victim": VICTIM, "mallory": MALLORY, "stranger": "stranger@example.org"}
        return {
            who: There(1000 + number if self.kind == "github" else who, email)
            for number, (who, email) in enumerate(names.items())
        }

    def begin(self, visitor: Visitor) -> str:
        answer = visitor.client.get(f"/sign-in/with/{self.key}")
        assert answer.status_code == 303, answer.text
        target = str(answer.headers["location"])
        assert target.startswith("http"), target
        return target

    def agree(self, address: str, there: There, **claims: Any) -> dict[str, str]:
        return self.evil.agree(address, there.subject, there.email, **claims)


@pytest.fixture(scope="module")
def evils() -> Iterator[Evils]:
    with evil_oidc.running() as one, evil_oidc.running() as two:
        yield one, two


@pytest.fixture
def host(settings: CoreSettings, evils: Evils, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    with host_with(settings, monkeypatch, *evils) as built:
        yield built
    for each in evils:
        each.lies = Lies()


@pytest.fixture
def app(host: Host) -> FastAPI:
    return create_app(host)


@pytest.fixture(params=["one", "github"])
def scene(
    request: pytest.FixtureRequest, app: FastAPI, client: TestClient, host: Host, evils: Evils
) -> Scene:
    """A victim and an attacker; the provider knows both, for both have linked it."""
    one, two = evils

    def mend() -> None:
        for each in evils:
            each.lies = Lies()

    made = Scene(
        app, host, client, OAuthWay(request.param, one), OAuthWay("two", two), mend
    )  # fmt: skip
    for email, visitor, who in ((VICTIM, "victim", "victim"), (MALLORY, "mallory", "mallory")):
        sign_in(app, email, client)
        browser = getattr(made, visitor)
        made.back(browser, made.said_to_link(browser, who))
    assert len(links(host)) == 2
    return made


def test_nothing_is_accepted(scene: Scene) -> None:
    cases = misuse.of(scene.way.kind)
    faults = misuse.trial(scene, cases)
    print(f"{scene.way.kind}: {len(cases)} cases, {len(faults)} accepted")
    assert faults == []
    assert len(cases) >= 40


OIDC = pytest.mark.parametrize("scene", ["one"], indirect=True)
GITHUB = pytest.mark.parametrize("scene", ["github"], indirect=True)


@OIDC
def test_codes_are_bound_where_the_provider_forgets_pkce(scene: Scene, evils: Evils) -> None:
    """By the nonce in the token. GitHub has none, and PKCE alone stands against this."""
    evils[0].lies = Lies(checks_pkce=False)
    victim = scene.visitor()
    own = scene.said(victim, "victim")
    scene.back(victim, own, code=scene.said(scene.visitor(), "mallory")["code"])
    assert victim.email == ""


@OIDC
def test_the_code_is_shown_to_nobody_else(scene: Scene, evils: Evils) -> None:
    """Mixed up: who names itself in the answer is known by it, before a code is exchanged."""
    one, two = evils
    victim = scene.visitor()
    mixed = two.agree(scene.way.begin(victim), "mallory", MALLORY)
    before = len(one.exchanged), len(two.exchanged)
    scene.back(victim, mixed)
    assert (len(one.exchanged), len(two.exchanged)) == before


#: A dot, a plus, letters of other scripts, what cannot be seen.
ALIKE = [
    "victim+x@example.org", "v.ictim@example.org", "vіctim@example.org", "victim@example.org.",
    "ｖｉｃｔｉｍ@example.org", "victim@еxample.org", '"victim"@example.org', "victım@example.org",
    "victim@sub.example.org", "victim\u200b@example.org", "victim@example.org\0",
    "victim@[127.0.0.1]", "victim(x)@example.org", "victim@example.org, x@example.org",
]  # fmt: skip


def test_addresses_that_look_alike_are_others(scene: Scene) -> None:
    """Another's account, or none; never the victim's."""
    for number, email in enumerate(ALIKE):
        scene.fresh()
        users, identities = scene.known()
        visitor = scene.visitor()
        stranger = scene.way.people["stranger"].subject
        there = There(stranger + number if isinstance(stranger, int) else f"a-{number}", email)
        scene.back(visitor, scene.way.agree(scene.way.begin(visitor), there))
        came, (users_now, identities_now) = visitor.email, scene.known()
        assert came not in (VICTIM, MALLORY), ascii(email)
        assert len(users_now - users) == len(identities_now - identities) == bool(came), email
        assert identities <= identities_now
        ours = {user for user, _ in users}
        assert not any(each[2] in ours for each in identities_now - identities), ascii(email)


def test_people_are_known_by_issuer_and_subject(scene: Scene) -> None:
    """Whatever address a provider tells of them by now, and whatever another calls the same."""
    for email in (VICTIM, "mallory@elsewhere.example", ""):
        visitor = scene.visitor()
        there = There(scene.way.people["mallory"].subject, email)
        scene.back(visitor, scene.way.agree(scene.way.begin(visitor), there))
        assert visitor.email == MALLORY, email
    visitor = scene.visitor()
    there = There(str(scene.way.people["victim"].subject), "else@example.org")
    said = scene.other.agree(scene.other.begin(visitor), there)
    visitor.client.get(evil_oidc.way_back("two", said))
    assert visitor.email == "else@example.org"


@GITHUB
def test_what_is_no_number_of_github_is_nobody(scene: Scene, evils: Evils) -> None:
    """The victim is number 1000 there. Of OpenID Connect: see `test_id_tokens`."""
    before = scene.known()
    for given in ("1000", 1000.0, True, None, [1000], {"id": 1000}, -1000, 0, "1000 ", "٩٩", ""):
        evils[0].lies = Lies(userinfo=lambda told, given=given: {**told, "id": given})
        visitor = scene.visitor()
        scene.back(visitor, scene.said(visitor, "stranger"))
        assert visitor.email == "", given
        assert scene.known() == before, given
