"""Naming a passkey anew, and proving again who one is by it: in a browser with one of its own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import update
from tests.support.chromium import launched
from tests.support.looking import Looker, served, shots_folder

from musekit.auth import service
from musekit.auth.models import User, UserSession
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.parametrize("backend", ["sqlite"]),
]  # fmt: skip
SYSTEM = Actor.system("tests")
ADA = "ada@example.com"
DEVICE = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
    "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


def age(host: Host) -> None:
    """Let every proof be an hour old."""
    with host.database.session(SYSTEM) as session:
        session.execute(update(UserSession).values(authenticated_at=utc_now() - timedelta(hours=1)))


def test_a_passkey_named_anew_and_shown_again(app: FastAPI, host: Host, tmp_path: Path) -> None:
    with launched() as browser, served(app) as address:
        address = address.replace("127.0.0.1", "localhost")  # where browsers offer passkeys
        host.settings.public_url = address
        with host.database.session(SYSTEM) as session:
            service.sign_up(session, ADA, PASSWORD, "Ada Lovelace")
        me = Looker(browser, address, shots=shots_folder(tmp_path))
        tools = me.page.context.new_cdp_session(me.page)
        tools.send("WebAuthn.enable")
        tools.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
        me.sign_in(ADA, PASSWORD)
        me.page.goto(f"{address}/account/passkeys")
        me.page.get_by_role("button", name="Add a passkey").click()
        me.page.get_by_text("never used").wait_for()
        me.page.locator("summary", has_text="Rename").click()
        me.page.locator("details").get_by_label("Name").fill("my laptop")
        me.at("passkey-rename")
        me.page.get_by_role("button", name="Save").click()
        me.page.get_by_text("is called my laptop from now on").wait_for()

        age(host)
        me.page.goto(f"{address}/account/tokens")
        me.page.wait_for_url("**/re-authenticate?next=*")
        me.at("re-authenticate-both")
        me.page.get_by_role("button", name="Confirm with a passkey").click()
        me.page.wait_for_url("**/account/tokens")

        with host.database.session(SYSTEM) as session:
            session.execute(update(User).values(password_hash=None))
        me.go("/re-authenticate?next=/account/passkeys", "re-authenticate-passkey")
        me.page.goto(f"{address}/account/passkeys")
        me.page.get_by_role("button", name="Remove my laptop").click()
        me.page.get_by_text("This is your only way in").wait_for()
        me.at("passkey-last")
        assert not me.faults, "\n".join(me.faults)
