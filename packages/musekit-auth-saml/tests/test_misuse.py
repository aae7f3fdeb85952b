"""Answers of an organization's provider that are brought by the wrong browser, late, or bent (D12).

The cases that hold for every kind of provider are in `tests.support.misuse`; those that only SAML
knows, whose answer comes across sites and without cookies, are here. What answers may say:
`test_answers_refused`.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient
from tests.support import misuse
from tests.support.misuse.scene import MALLORY, VICTIM, Scene, There, case
from tests.support.misuse.scene import Visitor as Browser
from tests.support.saml import messages

from musekit.kernel.actors import Actor
from musekit.products import grants
from musekit.products.owners import Owner
from musekit.testing.pytest_plugin import sign_in

SYSTEM = Actor.system("tests")
HTML = {"accept": "text/html"}


class SamlWay:
    """A connection, and what its provider answers."""

    key, kind = "saml", "saml"
    people: Mapping[str, There] = {
        who: There(f"{who}-there", f"{who}@people.example")
        for who in ("victim", "mallory", "stranger")
    }

    def __init__(self, connection: Any, key: messages.Key, beside: TestClient) -> None:
        self.connection, self.signer, self.beside = connection, key, beside

    def begin(self, visitor: Browser) -> str:
        asked = {"hint": str(self.connection.id)}
        answer = visitor.client.get("/sign-in/with/saml", params=asked)
        assert answer.status_code == 303, answer.text
        target = str(answer.headers["location"])
        assert target.startswith(f"{self.connection.sso_url}?"), target
        return target

    def asked(self, address: str) -> tuple[str, str]:
        """The request's id and the state in the address of the provider."""
        sent = parse_qs(urlsplit(address).query)
        request = zlib.decompress(base64.b64decode(sent["SAMLRequest"][0]), -15).decode()
        found = re.search(r' ID="([^"]+)"', request)
        assert found
        return found[1], sent["RelayState"][0]

    def form(self, address: str, there: There, **claims: Any) -> dict[str, str]:
        """What the provider's page makes the browser send."""
        request_id, state = self.asked(address)
        good = self.connection.answer(request_id)
        made = replace(good, subject=there.subject, email=there.email, **claims)
        xml = messages.signed(made, self.signer)
        return {"SAMLResponse": base64.b64encode(xml.encode()).decode(), "RelayState": state}

    def send(self, form: Mapping[str, str], *, client: TestClient | None = None) -> Any:
        """Bring it, as the provider's page makes a browser do: across sites, without cookies."""
        client = client or Browser.new(self.connection.app, self.beside).client
        headers = {"origin": "https://idp.example", "sec-fetch-site": "cross-site", **HTML}
        path = f"/sign-in/saml/{self.connection.id}/acs"
        return client.post(path, data=dict(form), follow_redirects=False, headers=headers)

    def agree(self, address: str, there: There, **claims: Any) -> dict[str, str]:
        answer = self.send(self.form(address, there, **claims))
        assert answer.status_code == 303, answer.text
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        return {name: values[0] for name, values in query.items()}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """More tries than one address is let have."""
    for name in ("SIGN_IN_ADDRESS", "SIGN_IN_PAIR", "SIGN_IN_MAILBOX"):
        monkeypatch.setenv(f"MUSEKIT_LIMIT_{name}", "1000000/900")


@pytest.fixture
def scene(host, app, client, team, connection, key, other_key) -> Scene:
    """A victim and an attacker, each with an account by their password and one by the provider."""
    with host.database.session(SYSTEM) as session:  # which has room for more people
        grants.give(session, Owner(organization_id=team.id), "workspace", "tier_3")
    other = SamlWay(team.connect(other_key, "https://other.example/idp"), other_key, client)
    made = Scene(app, host, client, SamlWay(connection, key, client), other)
    for email, who in ((VICTIM, "victim"), (MALLORY, "mallory")):
        sign_in(app, email, client)
        visitor = made.visitor()
        made.back(visitor, made.said(visitor, who))
        assert visitor.email == made.way.people[who].email
    return made


# --- That only SAML knows ---


def brought(it: Scene, form: Mapping[str, str], victim: Browser) -> Browser:
    """Bring an answer in a browser; follow where it leads, should it lead anywhere."""
    answer = it.way.send(form)
    assert answer.status_code in (303, 422), answer.text
    if "location" in answer.headers:
        parts = urlsplit(answer.headers["location"])
        victim.client.get(f"{parts.path}?{parts.query}")
    return victim


@case("saml")
def an_answer_with_the_state_of_another_flow(it: Scene) -> Browser:
    victim = it.visitor()
    own = it.way.begin(victim)
    strange = it.way.form(it.way.begin(it.visitor()), it.way.people["mallory"])
    return brought(it, {**strange, "RelayState": it.way.asked(own)[1]}, victim)


@case("saml")
def an_answer_without_state(it: Scene) -> Browser:
    victim = it.visitor()
    form = it.way.form(it.way.begin(victim), it.way.people["mallory"])
    return brought(it, {**form, "RelayState": ""}, victim)


@case("saml")
def an_answer_with_a_long_state(it: Scene) -> Browser:
    victim = it.visitor()
    form = it.way.form(it.way.begin(victim), it.way.people["mallory"])
    return brought(it, {**form, "RelayState": form["RelayState"] + "A" * 1000}, victim)


@case("saml")
def an_answer_to_nobodys_request(it: Scene) -> Browser:
    """Begun at the provider: nothing ties it to a browser."""
    victim = it.visitor()
    made = it.way.begin(victim)
    form = it.way.form(made, it.way.people["mallory"], in_response_to="")
    return brought(it, form, victim)


@case("saml")
def an_answer_in_the_address(it: Scene) -> Browser:
    victim = it.visitor()
    form = it.way.form(it.way.begin(victim), it.way.people["mallory"])
    path = f"/sign-in/saml/{it.way.connection.id}/acs"
    assert victim.client.get(path, params=form).status_code == 405
    return victim


@case("saml")
def an_answer_of_the_attacker_brought_by_the_victims_browser(it: Scene) -> Browser:
    """The attacker's page makes the victim's browser send it: it leads back to no flow of it."""
    form = it.way.form(it.way.begin(it.visitor()), it.way.people["mallory"])
    assert it.victim.email
    assert it.way.send(form, client=it.victim.client).status_code == 403  # browsers send no cookie
    return brought(it, form, it.victim)


@case("saml")
def an_answer_of_another_connection(it: Scene) -> Browser:
    """The provider of one connection answers what the other was asked, at the other's address."""
    victim = it.visitor()
    address = it.way.begin(victim)
    request_id, state = it.way.asked(address)
    theirs = it.other.connection.answer(request_id)
    ours = it.way.connection.answer(request_id)
    person = it.way.people["mallory"]
    for claimed in (theirs, ours, replace(theirs, audience=ours.audience)):
        made = replace(claimed, recipient=ours.recipient, subject=person.subject)
        xml = messages.signed(made, it.other.signer)
        raw = base64.b64encode(xml.encode()).decode()
        brought(it, {"SAMLResponse": raw, "RelayState": state}, victim)
    return victim


@case("saml")
def codes_of_two_connections_exchanged(it: Scene) -> Browser:
    victim = it.visitor()
    first = it.way.agree(it.way.begin(victim), it.way.people["mallory"])
    second = it.other.agree(it.other.begin(victim), it.way.people["victim"])
    it.back(victim, first, code=second["code"])
    it.back(victim, second, code=first["code"])
    return victim


@case("saml")
def an_answer_twice(it: Scene) -> Browser:
    victim = it.visitor()
    form = it.way.form(it.way.begin(victim), it.way.people["mallory"])
    assert it.way.send(form).status_code == 303
    return brought(it, form, victim)


def test_nothing_is_accepted(scene: Scene) -> None:
    cases = misuse.of("saml")
    faults = misuse.trial(scene, cases)
    print(f"saml: {len(cases)} cases, {len(faults)} accepted")
    assert faults == []
    assert len(cases) >= 40
