"""The SAML package comes, works, goes, comes back and is purged: real wheels."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lifecycle import seeing
from tests.lifecycle.test_product import start
from tests.support.deployment import Deployment, Person, deployed
from tests.support.saml import peer
from tests.support.wheels import Environment, Wheels, fresh

pytestmark = [pytest.mark.wheels, pytest.mark.timeout(400)]

DIST, NAME = "musekit-auth-saml", "musekit_auth_saml"
TABLES = ("saml_connections", "saml_domains", "saml_flows", "saml_replays")
HOME = "/organization/saml"
HTML = {"accept": "text/html"}


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[peer.Peer]:
    if shutil.which("xmlsec1") is None:
        pytest.skip("no xmlsec1 here: apt-get install xmlsec1")
    folder = tmp_path / "idp"
    folder.mkdir()
    with peer.pysaml2(folder) as made:
        yield made


@pytest.fixture
def environment(tmp_path: Path, wheels: Wheels, everything: Environment) -> Environment:
    """The core and nothing else."""
    return fresh(tmp_path / "venv", wheels, ["musekit-core"], base=everything)


@pytest.fixture
def deployment(tmp_path: Path, environment: Environment, postgres: str) -> Iterator[Deployment]:
    with deployed(
        tmp_path / "deployment", postgres=postgres, musekit=environment.musekit, migrated=False
    ) as made:
        made.run("migrate")
        yield made


def press(person: Person, to: str, **form: str) -> str:
    """Send a form; return where it leads."""
    page = person.browser.get("/organization", headers=HTML)
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    answer = person.browser.post(to, data={"csrf_token": token, **form}, headers=HTML)
    assert answer.status_code == 303, f"{answer.status_code} {answer.text[-1500:]}"
    return answer.headers["location"]


def come(deployment: Deployment, provider: peer.Peer, page: str, login: str) -> str:
    """Come in by the provider; return the address of who is signed in then."""
    import httpx

    connection = page.rpartition("/")[2]
    with httpx.Client(base_url=deployment.url, timeout=30, headers=HTML) as browser:
        went = browser.get("/sign-in/with/saml", params={"hint": connection})
        target, fields = provider.sign_in(went.headers["location"], login)
        brought = httpx.post(target, data=fields, headers=HTML, timeout=30)
        assert brought.status_code == 303, brought.text
        browser.get(brought.headers["location"])
        return browser.get("/api/auth/me", headers={"accept": "*/*"}).json()["user"]["email"]


def is_there(deployment: Deployment, person: Person) -> None:
    found = seeing.declared(deployment)
    assert found["held"] == {}
    assert NAME in found["plugins"]
    assert {"saml-xmlsec1", "saml-certificates"} <= set(found["health_checks"])
    assert "saml-sweep" in found["jobs"]
    assert {HOME, "/admin/saml"} <= set(found["navigation"])
    assert "MUSEKIT_AUTH_SAML_" in found["settings"]
    assert person.browser.get(HOME, headers=HTML).status_code == 200
    assert 'href="/sign-in/saml"' in visitors_page(deployment)


def is_gone(deployment: Deployment, person: Person) -> None:
    found = seeing.declared(deployment)
    assert (found["held"], NAME in found["plugins"]) == ({}, False)
    for kind in ("health_checks", "jobs", "navigation", "settings"):
        assert not [each for each in found[kind] if "saml" in each.lower()], kind
    for path in (HOME, "/admin/saml", "/sign-in/saml"):
        assert person.browser.get(path, headers=HTML).status_code == 404, path
    assert person.browser.get("/sign-in/with/saml", headers=HTML).status_code in (303, 404)
    assert "saml" not in visitors_page(deployment)
    for page in ("/organization", "/organization/members", "/account", "/account/identities"):
        answer = person.browser.get(page, headers=HTML)
        assert answer.status_code == 200, page
        assert "/saml" not in answer.text
    assert not [r for r in deployment.running if "Traceback" in r.log.read_text()]


def visitors_page(deployment: Deployment) -> str:
    import httpx

    return httpx.get(f"{deployment.url}/sign-in", headers=HTML).text


def test_it_comes_and_goes(deployment, environment, provider, tmp_path) -> None:
    # The core alone.
    core_only = seeing.as_owner(deployment)
    start(deployment)
    anna = deployment.sign_up("anna@example.com")
    made = anna.done("POST", "/api/organizations", {"name": "Juniper"})
    anna.done("POST", "/api/spaces/switch", {"space_id": made["space"]["id"]})
    is_gone(deployment, anna)

    # Installed: held until it is migrated, then there; and used.
    environment.install(DIST)
    assert seeing.declared(deployment)["held"][NAME].startswith("migrations: ")
    assert {step["plugin"] for step in deployment.json("migrate")} == {NAME}
    start(deployment, anna)
    anna.done("POST", "/api/spaces/switch", {"space_id": made["space"]["id"]})
    is_there(deployment, anna)
    page = press(anna, HOME, label="Juniper")
    press(anna, page, label="Juniper", metadata=provider.metadata, enabled="on")
    press(anna, f"{page}/domains", domain="people.example")
    assert come(deployment, provider, page, "bea") == "bea@people.example"
    checks = {each["name"]: each["status"] for each in doctor(deployment)}
    assert checks["saml-xmlsec1"] == "ok"
    whole = seeing.counts(deployment, *TABLES, "users", "user_identities")
    assert min(whole[name] for name in ("saml_connections", "saml_domains", "users")) > 0

    # Gone: everything else works, and nothing is lost.
    environment.uninstall(DIST)
    start(deployment, anna)
    anna.done("POST", "/api/spaces/switch", {"space_id": made["space"]["id"]})
    is_gone(deployment, anna)
    assert seeing.counts(deployment, *TABLES, "users", "user_identities") == whole
    assert deployment.json("migrate") == []

    # Back: whoever came in by it comes in by it again, as the same.
    environment.install(DIST)
    assert deployment.json("migrate") == []
    start(deployment, anna)
    anna.done("POST", "/api/spaces/switch", {"space_id": made["space"]["id"]})
    is_there(deployment, anna)
    assert come(deployment, provider, page, "bea") == "bea@people.example"
    assert seeing.counts(deployment, "users")["users"] == whole["users"]

    # Purged: refused while it is in use; then gone without a trace, people and identities stay.
    deployment.stop()
    refused = deployment.run("plugins", "purge", NAME, "--yes-delete", NAME, status=1)
    assert "uninstall it" in refused.stderr
    environment.uninstall(DIST)
    dry = deployment.json("plugins", "purge", NAME)
    assert (dry["deleted"], set(dry["tables"])) == (False, set(TABLES))
    export = tmp_path / "export"
    done = deployment.json("plugins", "purge", NAME, "--yes-delete", NAME, "--export", str(export))
    assert done["deleted"]
    assert (export / "saml_connections.jsonl").read_text().count("\n") == 1
    after = seeing.as_owner(deployment)
    assert after.added_since(core_only) == set()
    assert core_only.added_since(after) == set()
    assert seeing.counts(deployment, "users")["users"] == whole["users"]
    start(deployment, anna)
    anna.done("POST", "/api/spaces/switch", {"space_id": made["space"]["id"]})
    is_gone(deployment, anna)


def doctor(deployment: Deployment) -> list[dict[str, str]]:
    """Return what `musekit doctor` finds."""
    found = deployment.json("doctor", status=None)
    assert re.match(r"\[|\{", str(found))
    listed = found if isinstance(found, list) else found.get("checks", found.get("findings", []))
    return list(listed)
