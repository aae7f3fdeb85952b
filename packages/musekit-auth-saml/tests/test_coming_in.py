"""Coming in by a connection, and everything about the way there that must not work."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update
from tests.support.saml import messages

from musekit.auth.federation.models import UserIdentity
from musekit.kernel.actors import Actor
from musekit.organizations import service as organizations
from musekit.organizations.models import OrganizationMember
from musekit.providers import FlowStart, FlowTaken
from musekit.spaces import service as spaces
from musekit_auth_saml import connections, flows
from musekit_auth_saml.models import SamlConnection, SamlDomain, SamlFlow, SamlReplay
from musekit_auth_saml.provider import SamlProvider

SYSTEM = Actor.system("tests")
HTML = {"accept": "text/html"}


def started(visitor, **changes):
    """A flow of the core, as its side of the contract gives it."""
    given = {
        "id": uuid4(), "nonce": "n", "verifier": "v", "next": "/dashboard", "state": "s" * 43,
        "redirect_uri": "http://127.0.0.1:8000/sign-in/return/saml",
        "hint": str(visitor.connection.id),
    }  # fmt: skip
    return FlowStart(**(given | changes))


def proven(visitor, flow, key, **changes):
    """Begin a flow by the provider itself, have it answered; return the code."""
    address = SamlProvider().begin(visitor.connection.host, flow)
    with visitor.connection.host.database.session(SYSTEM, readonly=True) as session:
        visitor.request_id = session.get_one(SamlFlow, flow.id).request_id
    visitor.state = parse_qs(urlsplit(address).query)["RelayState"][0]
    answer = visitor.post(messages.signed(visitor.answer(**changes), key))
    assert answer.status_code == 303, answer.text
    return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


def taken(flow):
    names = ("id", "nonce", "verifier", "redirect_uri", "next", "hint")
    return FlowTaken(**{name: getattr(flow, name) for name in names})


# --- The contract with the core ---


def test_an_identity_is_the_organizations(connection, key) -> None:
    visitor = connection.visitor()
    flow = started(visitor)
    code = proven(visitor, flow, key)
    found = SamlProvider().finish(connection.host, taken(flow), {"code": code, "state": flow.state})
    assert found.subject == "person-1"
    assert found.issuer == f"saml:{connection.organization_id}:{connection.entity_id}"
    assert found.organization_id == connection.organization_id
    assert (found.email, found.name) == ("person@example.com", "A Person")
    assert found.email_verified is False  # nobody has confirmed whose example.com is
    assert connection.row().last_used_at is not None


def test_an_address_is_proven_where_the_operator_says_whose_the_domain_is(
    connection, team, key
) -> None:
    with connection.host.database.session(SYSTEM) as session:
        row = session.get_one(SamlConnection, connection.id)
        made = connections.claim(session, row, "Example.COM")
        connections.confirm(session, made.id, by=team.owner.user_id)
    for email, proven_ in (
        ("person@example.com", True), ("person@EXAMPLE.com", True), ("p@sub.example.com", False),
        ("person@example.com.evil.example", False), ("person@example.org", False),
    ):  # fmt: skip
        visitor = connection.visitor()
        flow = started(visitor)
        code = proven(visitor, flow, key, email=email)
        found = SamlProvider().finish(connection.host, taken(flow), {"code": code})
        assert found.email_verified is proven_, email


@pytest.mark.parametrize(
    "hint", ["", "nobody@elsewhere.example", "x", str(UUID(int=7)), "@", "a@\0"]
)
def test_without_a_connection_we_ask(connection, hint) -> None:
    flow = started(connection.visitor(), hint=hint, next="/account")
    address = SamlProvider().begin(connection.host, flow)
    assert address.partition("?")[0] == f"{connection.host.settings.public_url}/sign-in/saml"
    assert parse_qs(urlsplit(address).query)["next"] == ["/account"]


def test_a_confirmed_domain_leads_to_its_provider(connection, team) -> None:
    flow = started(connection.visitor(), hint="Person@Example.com")
    with connection.host.database.session(SYSTEM) as session:
        row = session.get_one(SamlConnection, connection.id)
        made = connections.claim(session, row, "example.com").id
    assert "idp.example" not in SamlProvider().begin(connection.host, flow)
    with connection.host.database.session(SYSTEM) as session:
        connections.confirm(session, made, by=team.owner.user_id)
    assert SamlProvider().begin(connection.host, flow).startswith("https://idp.example/sso?")


# --- Codes ---


def test_a_code_is_good_once_and_for_its_flow(connection, key) -> None:
    one, two = connection.visitor(), connection.visitor()
    first, second = started(one), started(two)
    code, other = proven(one, first, key), proven(two, second, key)
    provider, host = SamlProvider(), connection.host
    refused = [
        (taken(first), other), (taken(second), code), (taken(first), ""), (taken(first), "x" * 43),
        (taken(started(one)), code),
    ]  # fmt: skip
    for flow, given in refused:
        with pytest.raises(Exception, match="another sign-in"):
            provider.finish(host, flow, {"code": given})
    with pytest.raises(Exception, match="another sign-in"):
        provider.finish(host, taken(first), {})
    assert provider.finish(host, taken(first), {"code": code}).subject == "person-1"
    with pytest.raises(Exception, match="another sign-in"):
        provider.finish(host, taken(first), {"code": code})


def test_an_answer_is_taken_once(connection, key) -> None:
    visitor = connection.visitor().begin()
    xml = messages.signed(visitor.answer(), key)
    assert visitor.post(xml).status_code == 303
    for _ in range(2):
        assert visitor.post(xml).status_code == 422


def test_an_assertion_is_taken_once_whatever_request_it_names(connection, key) -> None:
    """A provider that gives the same id twice is at fault; its answers are not taken twice."""
    for end in (303, 422):
        visitor = connection.visitor().begin()
        answer = replace(visitor.answer(), assertion_id="_the-same")
        assert visitor.post(messages.signed(answer, key)).status_code == end


def test_a_sign_in_that_took_too_long_is_over(connection, key) -> None:
    visitor = connection.visitor().begin()
    xml = messages.signed(visitor.answer(), key)
    past = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=5)
    with connection.host.database.session(SYSTEM) as session:
        session.execute(update(SamlFlow).values(expires_at=past))
    assert visitor.post(xml).status_code == 422


def test_what_is_over_is_swept(connection, key) -> None:
    visitor = connection.visitor().begin()
    assert visitor.post(messages.signed(visitor.answer(), key)).status_code == 303
    past = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=5)

    def left() -> list[int]:
        with connection.host.database.session(SYSTEM) as session:
            flows.sweep(session)
            return [
                session.scalar(select(func.count()).select_from(each))
                for each in (SamlFlow, SamlReplay)
            ]

    assert left() == [1, 1]
    with connection.host.database.session(SYSTEM) as session:
        for each in (SamlFlow, SamlReplay):
            session.execute(update(each).values(expires_at=past))
    assert left() == [0, 0]


# --- Connections of others ---


def test_an_answer_is_for_the_connection_that_asked(team, key, xmlsec1) -> None:
    """Two connections to one provider, as of two tenants that use the same product."""
    one, two = (
        team.connect(key, "https://idp.example/x"),
        team.connect(key, "https://idp.example/x"),
    )
    visitor = one.visitor().begin()
    xml = messages.signed(visitor.answer(), key)
    assert visitor.post(xml, to=two.id).status_code == 422
    theirs = replace(two.answer(visitor.request_id))
    assert visitor.post(messages.signed(theirs, key), to=two.id).status_code == 422
    assert visitor.post(messages.signed(theirs, key)).status_code == 422
    assert visitor.post(xml).status_code == 303


def test_another_organization_cannot_speak_for_the_people_of_this_one(
    make_team, team, key, other_key, xmlsec1
) -> None:
    """It may enter the same entity id with a key of its own: its people are others all the same."""
    ours, attacker = team.connect(key), make_team("Evil").connect(other_key)
    assert ours.entity_id == attacker.entity_id
    identities = []
    for connection, signer in ((ours, key), (attacker, other_key)):
        visitor = connection.visitor()
        flow = started(visitor)
        code = proven(visitor, flow, signer)
        identities.append(SamlProvider().finish(connection.host, taken(flow), {"code": code}))
    assert identities[0].subject == identities[1].subject
    assert identities[0].issuer != identities[1].issuer
    assert identities[1].organization_id == attacker.organization_id
    # And with its key at our address it is nobody.
    visitor = ours.visitor().begin()
    assert visitor.post(messages.signed(visitor.answer(), other_key)).status_code == 422


def test_a_connection_that_is_off_or_gone_lets_nobody_in(connection, key) -> None:
    visitor = connection.visitor().begin()
    xml = messages.signed(visitor.answer(), key)
    with connection.host.database.session(SYSTEM) as session:
        session.execute(update(SamlConnection).values(enabled=False))
    assert visitor.post(xml).status_code == 404
    assert visitor.post(xml, to=uuid4()).status_code == 404
    assert visitor.browser.get(f"/sign-in/saml/{connection.id}").status_code == 404
    with connection.host.database.session(SYSTEM) as session:
        connections.remove(session, session.get_one(SamlConnection, connection.id))
    with connection.host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalar(select(func.count()).select_from(SamlFlow)) == 0
        assert session.scalar(select(func.count()).select_from(SamlDomain)) == 0


def test_admins_see_why_the_last_answer_was_refused(connection, key, other_key) -> None:
    visitor = connection.visitor().begin()
    assert visitor.post(messages.signed(visitor.answer(), other_key)).status_code == 422
    row = connection.row()
    assert row.last_fault == "its signature is not by a certificate that is entered here"
    assert row.last_fault_at is not None
    # What anybody may send without having begun leaves no trace there.
    stranger = connection.visitor()
    stranger.request_id, stranger.state = "_made-up", "x"
    answer = messages.signed(replace(stranger.answer(), audience="https://x.example"), other_key)
    assert stranger.post(answer).status_code == 422
    assert connection.row().last_fault == row.last_fault


# --- Through the core, to the end ---


def test_somebody_new_comes_in_and_again(connection, key) -> None:
    for _ in range(2):
        visitor = connection.visitor().begin(next="/dashboard?x=1")
        came = visitor.come(messages.signed(visitor.answer(), key))
        assert (came.status_code, came.headers["location"]) == (303, "/dashboard?x=1")
        assert visitor.me() == "person@example.com"
    with connection.host.database.session(SYSTEM, readonly=True) as session:
        (identity,) = session.scalars(select(UserIdentity)).all()
    assert identity.organization_id == connection.organization_id
    assert identity.provider == "saml"


def test_a_session_by_saml_reaches_the_organization_alone(connection, team, key, make_team) -> None:
    visitor = connection.visitor().begin()
    visitor.come(messages.signed(visitor.answer(), key))
    me = visitor.browser.get("/api/auth/me").json()
    assert me["space"]["id"] == str(team.space_id)
    assert visitor.browser.get("/dashboard", headers=HTML).status_code == 200
    assert visitor.browser.get("/organization", headers=HTML).status_code == 200
    with connection.host.database.session(SYSTEM, readonly=True) as session:
        member = session.get_one(OrganizationMember, (team.id, UUID(me["user"]["id"])))
        own = spaces.personal_space_id(session, UUID(me["user"]["id"]))
    assert member.role == "viewer"
    # Neither their own space, nor another organization's though they are a member of it.
    other = make_team("Other")
    with connection.host.database.session(SYSTEM) as session:
        organizations.join(session, other.id, member.user_id, "admin", [])
    for space_id in (own, other.space_id):
        tried = visitor.browser.post("/api/spaces/switch", json={"space_id": str(space_id)})
        assert tried.status_code in (403, 404), tried.text
    # Nor what would outlast the organization's word.
    for path, body in (
        ("/api/auth/tokens", {"name": "x", "scopes": ["*"]}),
        ("/api/auth/password", {"password": "a pelican under umbrellas"}),
        ("/api/auth/email", {"email": "elsewhere@example.com"}),
    ):
        assert visitor.browser.post(path, json=body).status_code == 403, path


def test_who_was_taken_out_comes_in_no_more(connection, team, key) -> None:
    visitor = connection.visitor().begin()
    visitor.come(messages.signed(visitor.answer(), key))
    user_id = visitor.browser.get("/api/auth/me").json()["user"]["id"]
    removed = team.owner.client.delete(f"/api/organizations/{team.id}/members/{user_id}")
    assert removed.is_success, removed.text
    assert visitor.me() == ""
    again = connection.visitor().begin()
    again.come(messages.signed(again.answer(), key))
    assert again.me() == ""


def test_the_answer_of_one_browser_signs_in_no_other(connection, key) -> None:
    """Login CSRF: the attacker's good answer, followed by the victim's browser."""
    attacker, victim = connection.visitor().begin(), connection.visitor().begin()
    brought = attacker.post(messages.signed(attacker.answer(), key))
    address = brought.headers["location"]
    victim.back(address)
    assert victim.me() == ""
    # Nor with the victim's own state in front of the attacker's code.
    query = parse_qs(urlsplit(address).query)
    victim.back(f"/sign-in/return/saml?state={victim.state}&code={query['code'][0]}")
    assert victim.me() == ""


def test_an_address_with_an_account_is_not_linked_by_itself(connection, key, make_user) -> None:
    known = make_user("known@example.com")
    visitor = connection.visitor().begin()
    came = visitor.come(messages.signed(visitor.answer(email=known.email), key))
    assert came.status_code in (303, 409)
    assert visitor.me() == ""
    with connection.host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(UserIdentity)).all() == []
