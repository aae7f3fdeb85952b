"""The pages of single sign-on in a browser, in every look."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from tests.support.chromium import launched
from tests.support.looking import EVERY, Looker, served, shots_folder
from tests.support.saml import messages

from musekit.auth import service
from musekit.auth.models import User
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.organizations import service as organizations
from musekit.testing.pytest_plugin import PASSWORD
from musekit_auth_saml import connections
from musekit_auth_saml.models import SamlConnection

pytestmark = [
    pytest.mark.browser, pytest.mark.parametrize("backend", ["sqlite"]),
]  # fmt: skip
SYSTEM = Actor.system("tests")


def test_setting_up_and_coming_in(
    app: FastAPI, host: Host, key: messages.Key, tmp_path: Path
) -> None:
    with launched() as browser, served(app) as address:
        owner, operator = "ada@example.com", "root@example.com"
        with host.database.session(SYSTEM) as session:
            user, _ = service.sign_up(session, owner, PASSWORD, "Ada Lovelace")
            other, _ = service.sign_up(session, operator, PASSWORD, "Root")
            session.flush()
            organizations.create(session, user.id, "Juniper & Sons")
            session.execute(update(User).where(User.id == other.id).values(is_operator=True))
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        me.sign_in(owner, PASSWORD)
        me.go("/organization/saml", "saml-no-organization")
        me.page.request.post(
            f"{address}/api/spaces/switch", data={"space_id": space_of(host, owner)}
        )
        me.go("/organization/saml", "saml-none")
        me.page.get_by_label("Name").fill("Juniper & Sons")
        me.page.get_by_role("button", name="Begin").click()
        me.page.get_by_text("Tell your provider").wait_for()
        me.at("saml-to-be-set-up")
        me.page.get_by_label("Entity ID of the provider").fill("https://idp.example/a")
        me.page.get_by_label("Sign-in address").fill("https://idp.example/sso")
        me.page.get_by_label("Certificates that it signs with").fill("nonsense")
        me.page.get_by_role("button", name="Save").click()
        me.page.get_by_text("not an X.509 certificate").wait_for()
        me.at("saml-fault")
        me.page.get_by_label("Certificates that it signs with").fill(key.certificate)
        me.page.get_by_role("button", name="Save").click()
        me.page.get_by_text("The connection is switched on.").wait_for()
        me.page.get_by_label("Domain", exact=True).fill("crew.example.com")
        me.page.get_by_role("button", name="Claim the domain").click()
        me.page.get_by_text("waits for the operator").wait_for()
        row = last(host)
        with host.database.session(SYSTEM) as session:
            connections.note(session, row.id, "it is too old: sign in again")
        me.go(f"/organization/saml/{row.id}", "saml-connection")
        me.go("/organization/saml", "saml-connections")

        root = Looker(browser, address, EVERY, shots_folder(tmp_path))
        root.sign_in(operator, PASSWORD)
        root.go("/admin/saml", "saml-domains")
        root.page.get_by_role("button", name="Confirm: crew.example.com").click()
        root.page.get_by_text("sign in by “Juniper & Sons”").wait_for()
        root.at("saml-domain-confirmed")

        them = Looker(browser, address, EVERY, shots_folder(tmp_path))
        them.go("/sign-in", "saml-sign-in")
        them.page.get_by_role("link", name="Sign in by your organization").click()
        them.at("saml-entrance")
        them.page.get_by_label("E-mail at your organization").fill("x@nowhere.example")
        them.page.get_by_role("button", name="Go on").click()
        them.page.get_by_text("No organization here").wait_for()
        them.at("saml-entrance-unknown")
        them.go(f"/sign-in/saml/{row.id}", "saml-organization-entrance")
        faults = me.faults + root.faults + them.faults
        assert not faults, "\n".join(faults)


def last(host: Host) -> SamlConnection:
    """The newest connection."""
    with host.database.session(SYSTEM, readonly=True) as session:
        return session.scalars(
            select(SamlConnection).order_by(SamlConnection.created_at.desc()).limit(1)
        ).one()


def space_of(host: Host, email: str) -> str:
    """The space of a person's organization."""
    with host.database.session(SYSTEM, readonly=True) as session:
        user_id = session.scalars(select(User.id).where(User.email == email)).one()
        (organization,) = organizations.joined(session, user_id)
        return str(organizations.spaces(session, organization.id)[0].id)
