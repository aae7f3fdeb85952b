"""The pages: of an organization's admins, of the operator, and of whoever comes in."""

from __future__ import annotations

import shutil
from uuid import uuid4

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient
from tests.support.saml import messages

from musekit.audit.models import AuditEntry
from musekit.auth.models import User, UserSession
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import db_after
from musekit_auth_saml import connections, health
from musekit_auth_saml.models import SamlConnection
from musekit_auth_saml.settings import SamlSettings

SYSTEM = Actor.system("tests")
HOME = "/organization/saml"
HTML = {"accept": "text/html"}


@pytest.fixture
def made(team) -> str:
    """The page of a connection that has just been named."""
    answer = team.press(HOME, label="Juniper")
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


@pytest.fixture
def operator(host, make_user):
    user = make_user()
    with host.database.session(SYSTEM) as session:
        session.execute(update(User).where(User.id == user.user_id).values(is_operator=True))
    return user


def fields(key: messages.Key, **changes: str) -> dict[str, str]:
    return {
        "label": "Juniper", "entity_id": "https://idp.example/a", "enabled": "on",
        "sso_url": "https://idp.example/sso", "certificate": key.certificate, **changes,
    }  # fmt: skip


def actions(host) -> list[str]:
    with host.database.session(SYSTEM, readonly=True) as session:
        rows = session.scalars(
            select(AuditEntry.action)
            .where(AuditEntry.action.like("saml.%"))
            .order_by(AuditEntry.at)
        )
        return list(rows)


def test_from_nothing_to_a_way_in(host, team, made, key) -> None:
    page = team.owner.client.get(made).text
    told = f"{host.settings.public_url}/sign-in/saml/{made.rpartition('/')[2]}"
    assert f'value="{told}/acs"' in page
    assert f'value="{told}/metadata"' in page
    assert "Their sign-in page" not in page
    assert team.owner.client.get(f"{told}").status_code == 404

    assert team.press(made, **fields(key)).status_code == 303
    page = team.owner.client.get(made).text
    assert "Their sign-in page" in page
    assert key.body[:60] in page
    shown = team.owner.client.get(told)
    assert shown.status_code == 200
    assert "/sign-in/with/saml?hint=" in shown.text
    assert "Juniper" in team.owner.client.get(HOME).text

    assert team.press(made, **fields(key, enabled="")).status_code == 303
    assert team.owner.client.get(told).status_code == 404
    assert team.press(f"{made}/remove").headers["location"] == HOME
    assert team.owner.client.get(made).status_code == 404
    assert actions(host) == [
        "saml.connection_created", "saml.connection_changed", "saml.connection_changed",
        "saml.connection_removed",
    ]  # fmt: skip


def test_our_metadata_are_what_a_provider_reads(host, team, made) -> None:
    """Read by pysaml2, as a provider on it would."""
    from saml2.mdstore import InMemoryMetaData

    answer = team.owner.client.get(f"/sign-in/saml/{made.rpartition('/')[2]}/metadata")
    assert answer.headers["content-type"].startswith("application/samlmetadata+xml")
    store = InMemoryMetaData(None, "")
    store.parse(answer.content)
    (entity_id,) = store.keys()
    assert entity_id.endswith("/metadata")
    (service,) = store.service(entity_id, "spsso_descriptor", "assertion_consumer_service")[
        "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
    ]
    assert service["location"] == entity_id.replace("/metadata", "/acs")


def metadata(key: messages.Key, entity_id: str = "urn:idp") -> str:
    from tests.support.saml.messages import PROTOCOL, SIG

    return (
        '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"'
        f' entityID="{entity_id}"><IDPSSODescriptor protocolSupportEnumeration="{PROTOCOL}">'
        f'<KeyDescriptor><KeyInfo xmlns="{SIG}"><X509Data><X509Certificate>{key.body}'
        '</X509Certificate></X509Data></KeyInfo></KeyDescriptor><SingleSignOnService Location="https://idp.example/in"'
        ' Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"/></IDPSSODescriptor>'
        "</EntityDescriptor>"
    )


def test_metadata_fill_the_fields(host, team, made, key) -> None:
    text = metadata(key)
    assert team.press(made, label="Juniper", metadata=text, enabled="on").status_code == 303
    with host.database.session(SYSTEM, readonly=True) as session:
        row = session.scalars(select(SamlConnection)).one()
    assert (row.entity_id, row.sso_url) == ("urn:idp", "https://idp.example/in")
    assert (row.certificates, row.enabled) == ([key.body], True)


def test_metadata_as_a_file(host, team, made, key) -> None:
    """What was chosen counts; what was pasted beside it does not. Browsers send an empty file."""

    def send(raw: bytes, name: str = "idp.xml", **more: str) -> str:
        page = team.owner.client.get(made).text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        answer = team.owner.client.post(
            made, headers=HTML, follow_redirects=False, data=more | {"csrf_token": token},
            files={"metadata_file": (name, raw, "application/octet-stream")},
        )  # fmt: skip
        assert answer.status_code in (303, 422), answer.text
        return answer.text

    def kept() -> str:
        with host.database.session(SYSTEM, readonly=True) as session:
            return session.scalars(select(SamlConnection.entity_id)).one()

    pasted = {"label": "Juniper", "enabled": "on", "metadata": metadata(key)}
    for raw, says in (
        (b"%PDF-1.7", "not XML"), (metadata(key).encode("utf-16"), "not XML in UTF-8"),
        (b"x" * 600_000, "too long"),
    ):  # fmt: skip
        assert says in send(raw, **pasted)
        assert kept() == ""
    assert team.press(made, **pasted, metadata_file="no file").status_code == 422
    assert kept() == ""
    send(b"\xef\xbb\xbf" + metadata(key, "urn:file").encode(), **pasted)
    assert kept() == "urn:file"
    send(b"", "", **fields(key))
    assert kept() == "https://idp.example/a"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"entity_id": ""}, "copy it from your provider"), ({"sso_url": "x"}, "begins with https"),
        ({"certificate": "x"}, "not an X.509 certificate"), ({"label": " "}, "give it a name"),
        ({"metadata": "x"}, "not XML"), ({"label": "a\0b"}, "give it a name"),
    ],
)  # fmt: skip
def test_faults_stand_beside_their_fields(team, made, key, wrong, says) -> None:
    answer = team.press(made, **fields(key, **wrong))
    assert answer.status_code == 422
    assert says in answer.text
    if "entity_id" not in wrong:
        assert "https://idp.example/a" in answer.text  # what was typed is still there
    assert team.owner.client.get(f"/sign-in/saml/{made.rpartition('/')[2]}").status_code == 404


def test_there_is_an_end_to_connections(team) -> None:
    assert team.press(HOME, label="").status_code == 422
    for number in range(connections.MOST):
        assert team.press(HOME, label=f"No. {number}").status_code == 303
    assert team.press(HOME, label="one more").status_code == 409


# --- Whose they are ---


def test_only_who_runs_the_organization_reaches_them(team, made, make_team, make_user) -> None:
    other = make_team("Other")
    assert other.owner.client.get(made, headers=HTML).status_code == 404
    for path in (made, f"{made}/remove", f"{made}/domains", f"{made}/domains/{uuid4()}/remove"):
        assert other.press(path, label="Mine", domain="example.com").status_code == 404
    alone = make_user()
    assert "belongs to you alone" in alone.client.get(HOME).text or (
        alone.client.get(HOME).status_code == 200
    )
    assert team.press(HOME, alone, label="x").status_code == 404
    assert team.owner.client.get(made).status_code == 200


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("editor", 403), ("admin", 200)])
def test_roles(host, team, made, make_user, role, status) -> None:
    from musekit.organizations import service

    member = make_user()
    with host.database.session(SYSTEM) as session:
        service.join(session, team.id, member.user_id, role, [team.space_id])
    switched = member.client.post("/api/spaces/switch", json={"space_id": str(team.space_id)})
    assert switched.is_success
    assert member.client.get(made, headers=HTML).status_code == status
    assert team.press(HOME, member, label="x").status_code == (303 if status == 200 else 403)


def test_an_old_session_has_to_prove_itself(host, team, made) -> None:
    with host.database.session(SYSTEM) as session:
        session.execute(update(UserSession).values(authenticated_at=db_after(-7200)))
    for path in (HOME, made):
        answer = team.owner.client.get(path, headers=HTML, follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/re-authenticate?next=")
    program = TestClient(team.app).get(HOME, headers={**team.owner.headers, **HTML})
    assert program.status_code == 403


# --- Domains ---


def test_a_domain_is_claimed_and_confirmed(host, team, made, operator) -> None:
    assert team.press(f"{made}/domains", domain=" Me@Example.COM ").status_code == 303
    assert "waits for the operator" in team.owner.client.get(made).text
    assert team.press(f"{made}/domains", domain="example.com").status_code == 422
    for wrong in ("", "com", "a b.example", "-a.example", "*.example", "x" * 70 + ".example"):
        assert team.press(f"{made}/domains", domain=wrong).status_code == 422, wrong
    with host.database.session(SYSTEM, readonly=True) as session:
        (found,) = connections.claimed(session)
    assert found.domain.domain == "example.com"
    confirm = f"/admin/saml/{found.domain.id}/confirm"
    assert team.press(confirm).status_code == 403
    assert team.owner.client.get("/admin/saml", headers=HTML).status_code == 403
    assert "example.com" in operator.client.get("/admin/saml").text
    assert team.press(confirm, operator).status_code == 303
    assert "confirmed" in team.owner.client.get(made).text
    remove = f"{made}/domains/{found.domain.id}/remove"
    assert team.press(remove).status_code == 303
    assert team.press(remove).status_code == 404
    assert team.press(confirm, operator).status_code == 404
    assert actions(host)[1:] == [
        "saml.domain_claimed", "saml.domain_confirmed", "saml.domain_given_up",
    ]  # fmt: skip


def test_a_domain_leads_to_one_provider(host, team, made, make_team, operator) -> None:
    """Who claims first keeps nobody out; who is confirmed does, until the operator refuses."""
    other = make_team("Other")
    theirs = other.press(HOME, label="Other").headers["location"]
    for who, page in ((team, made), (other, theirs)):
        assert who.press(f"{page}/domains", domain="example.com").status_code == 303
    with host.database.session(SYSTEM, readonly=True) as session:
        ids = {each.connection.organization_id: each.domain.id
               for each in connections.claimed(session)}  # fmt: skip
    mine, yours = f"/admin/saml/{ids[team.id]}", f"/admin/saml/{ids[other.id]}"
    team.press(f"{mine}/confirm", operator)
    team.press(f"{yours}/confirm", operator)
    assert "confirmed for another connection" in operator.client.get("/admin/saml").text
    team.press(f"{mine}/refuse", operator)
    team.press(f"{yours}/confirm", operator)
    with host.database.session(SYSTEM, readonly=True) as session:
        (found,) = connections.claimed(session)
    assert found.connection.organization_id == other.id
    assert found.domain.confirmed_at is not None


# --- The way in ---


def test_the_sign_in_page_leads_there(client) -> None:
    assert 'href="/sign-in/saml"' in client.get("/sign-in").text
    page = client.get("/sign-in/saml", params={"next": "https://evil.example"})
    assert "evil.example" not in page.text
    went = client.post(
        "/sign-in/saml", data={"email": " a@b.example ", "next": "//evil.example"},
        follow_redirects=False,
    )  # fmt: skip
    assert went.headers["location"] == "/sign-in/with/saml?hint=a%40b.example&next=%2Fdashboard"
    again = client.get(went.headers["location"], headers=HTML)
    assert again.status_code == 422
    assert "No organization here" in again.text


# --- Health ---


def test_health_looks_for_the_program(host, team, connection, monkeypatch) -> None:
    assert health.check_program(host).status == "ok"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    found = health.check_program(host)
    assert (found.status, "apt-get install xmlsec1" in found.advice) == ("fail", True)
    with host.database.session(SYSTEM) as session:
        session.execute(update(SamlConnection).values(enabled=False))
    assert health.check_program(host).status == "warn"
    host.settings_of(SamlSettings).xmlsec1 = "/nowhere/xmlsec1"
    assert "MUSEKIT_AUTH_SAML_XMLSEC1" in health.check_program(host).advice


def test_without_the_program_nobody_is_let_in(connection, key, monkeypatch) -> None:
    visitor = connection.visitor().begin()
    xml = messages.signed(visitor.answer(), key)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert visitor.post(xml).status_code == 503
    monkeypatch.undo()
    assert visitor.post(xml).status_code == 303


def test_health_tells_of_keys_that_end(host, team, connection) -> None:
    assert health.check_certificates(host).status == "ok"
    ending = messages.new_key(days=5)
    with host.database.session(SYSTEM) as session:
        session.execute(update(SamlConnection).values(certificates=[ending.body]))
    found = health.check_certificates(host)
    assert (found.status, "Crew" in found.detail) == ("warn", True)
