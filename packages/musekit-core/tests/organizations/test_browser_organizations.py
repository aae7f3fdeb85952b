"""The pages of organizations in a browser, in every look: make one, invite, join."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from tests.support.chromium import launched
from tests.support.looking import EVERY, Looker, served, shots_folder

from musekit.auth import service
from musekit.auth.models import UserSession
from musekit.email import service as email
from musekit.email.models import OutboxMail
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import db_after
from musekit.kernel.host import Host
from musekit.organizations import service as organizations
from musekit.testing.pytest_plugin import PASSWORD

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.parametrize("backend", ["sqlite"]),
]  # fmt: skip
SYSTEM = Actor.system("tests")


def invitation_for(host: Host, address: str) -> str:
    with host.database.session(SYSTEM, readonly=True) as session:
        mail = session.scalars(
            select(OutboxMail).where(
                OutboxMail.to_email == address, OutboxMail.template == "invitation"
            )
        ).one()
    found = re.search(r"(/invite/[\w-]+)", email.unseal(host, mail).text)
    assert found
    return found[1]


def test_making_one_inviting_and_joining(app: FastAPI, host: Host, tmp_path: Path) -> None:
    with launched() as browser, served(app) as address:
        owner, guest = "ada@example.com", "bob@example.com"
        with host.database.session(SYSTEM) as session:
            service.sign_up(session, owner, PASSWORD, "Ada Lovelace")
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        me.sign_in(owner, PASSWORD)
        me.go("/organization", "organization-none")
        me.page.get_by_role("link", name="Make an organization").click()
        me.page.get_by_label("Name").fill("Juniper & Sons")
        me.at("organization-new")
        me.page.get_by_role("button", name="Make it").click()
        me.page.get_by_text("is ready. Invite the others.").wait_for()
        me.page.get_by_label("E-mail").fill(guest)
        me.page.get_by_role("button", name="Send the invitation").click()
        me.page.get_by_text(f"{guest} is invited").wait_for()
        me.at("organization-members")
        me.go("/organization", "organization")
        them = Looker(browser, address, EVERY, shots_folder(tmp_path))
        them.go(invitation_for(host, guest), "invitation-visitor")
        them.page.get_by_role("link", name="Create an account").click()
        them.page.get_by_label("E-mail").fill(guest)
        them.page.get_by_label("Password").fill(PASSWORD)
        them.page.get_by_role("button", name="Create account").click()
        them.page.get_by_role("button", name=f"Join as {guest}").wait_for()
        them.at("invitation")
        them.page.get_by_role("button", name=f"Join as {guest}").click()
        them.page.get_by_text("Welcome to “Juniper & Sons”").wait_for()
        them.go("/organization", "organization-editor")
        them.go("/organization/members", "organization-members-editor")
        them.go(invitation_for(host, guest), "invitation-spent")
        me.go("/organization/members", "organization-of-two")
        me.page.locator("summary[aria-label^='Change']").click()
        me.at("organization-menu")
        me.page.get_by_role("button", name="Make viewer").click()
        me.page.get_by_text("The role is changed").wait_for()
        me.page.locator("summary[aria-label^='Change']").click()
        me.page.get_by_role("link", name="Take out of the organization").click()
        me.at("organization-take-out")
        me.go("/organization/leave", "organization-leave")
        assert not me.faults + them.faults, "\n".join(me.faults + them.faults)


def test_running_handing_over_and_deleting_one(app: FastAPI, host: Host, tmp_path: Path) -> None:
    with launched() as browser, served(app) as address:
        owner = "ada@example.com"
        with host.database.session(SYSTEM) as session:
            user, _ = service.sign_up(session, owner, PASSWORD, "Ada Lovelace")
            heir, _ = service.sign_up(session, "cy@example.com", PASSWORD, "Cy Twombly")
            editor, _ = service.sign_up(session, "bob@example.com", PASSWORD)
            made, _ = organizations.create(session, user.id, "Juniper & Sons")
            organizations.join(session, made.id, heir.id, "admin", [])
            organizations.join(session, made.id, editor.id, "editor", [])
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        me.sign_in(owner, PASSWORD)
        me.page.locator("summary[aria-label^='Space']").click()
        me.at("switcher")
        me.page.get_by_role("button", name="Juniper & Sons").click()
        me.page.get_by_text("You are now in").wait_for()
        me.go("/organization/spaces", "organization-spaces")
        me.page.get_by_label("Name").fill("A client with a long name that goes on and on")
        me.page.get_by_role("button", name="Make the space").click()
        me.page.get_by_text("Say who works in it").wait_for()
        me.at("organization-space")
        me.page.get_by_role("button", name=f"Add {editor.email} as editor").click()
        me.page.get_by_text("They work in this space now").wait_for()
        me.page.locator("summary[aria-label^='Change']").click()
        me.at("organization-space-menu")
        me.go("/organization", "organization-two-spaces")
        me.go("/organization/settings", "organization-settings")
        me.page.get_by_label("Colour").fill("#e0b341")
        me.page.get_by_role("button", name="Save").click()
        me.page.get_by_text("The settings are saved").wait_for()
        me.go("/organization", "organization-coloured")
        me.go("/organization/transfer", "organization-transfer")
        me.go("/organization/delete", "organization-delete")
        me.page.get_by_label("Type “Juniper & Sons”").fill("Juniper")
        me.page.get_by_role("button", name="Delete the organization").click()
        me.page.get_by_text("type “Juniper & Sons”", exact=True).wait_for()
        me.at("organization-delete-refused")
        me.page.get_by_label("Type “Juniper & Sons”").fill("Juniper & Sons")
        me.page.get_by_role("button", name="Delete the organization").click()
        me.page.get_by_text("is closed and being deleted").wait_for()
        me.go("/organization/members", "organization-none-left")
        me.go("/account/profile", "profile")
        me.page.get_by_label("User name").fill("ada_king")
        me.page.get_by_role("button", name="Save").click()
        me.page.get_by_text("Your profile is saved").wait_for()
        me.go("/account/space", "own-space")
        assert not me.faults, "\n".join(me.faults)


def test_proving_again_who_one_is(app: FastAPI, host: Host, tmp_path: Path) -> None:
    with launched() as browser, served(app) as address:
        owner = "ada@example.com"
        with host.database.session(SYSTEM) as session:
            service.sign_up(session, owner, PASSWORD, "Ada Lovelace")
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        me.sign_in(owner, PASSWORD)
        with host.database.session(SYSTEM) as session:
            session.execute(update(UserSession).values(authenticated_at=db_after(-3600)))
        me.go("/account/tokens", "re-authenticate")
        me.page.get_by_label("Password").fill("not the password")
        me.page.get_by_role("button", name="Confirm").click()
        me.page.get_by_text("That is not your password").wait_for()
        me.at("re-authenticate-refused")
        me.page.get_by_label("Password").fill(PASSWORD)
        me.page.get_by_role("button", name="Confirm").click()
        me.page.wait_for_url("**/account/tokens")
        assert not me.faults, "\n".join(me.faults)
