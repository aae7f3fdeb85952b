"""The pages of what guards an account, in a browser: looked at in each look, and used."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pyotp
import pytest
from fastapi import FastAPI
from tests.support.chromium import launched
from tests.support.looking import EVERY, Looker, served, shots_folder

from musekit.auth import deletion, service, set_up
from musekit.auth.models import User
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD

from .mailbox import link

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.parametrize("backend", ["sqlite"]),
]  # fmt: skip
SYSTEM = Actor.system("tests")
FRESH = "a pelican under umbrellas"


def made(host: Host, email: str) -> None:
    """Make an account whose address is confirmed."""
    with host.database.session(SYSTEM) as session:
        user, _ = service.sign_up(session, email, PASSWORD, "Ada Lovelace")
        user.email_verified_at = utc_now()
        assert isinstance(user, User)


def test_password_and_address(app: FastAPI, host: Host, tmp_path: Path) -> None:
    with launched() as browser, served(app) as address:
        email, new = "ada@example.com", "lovelace@example.com"
        made(host, email)
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        me.sign_in(email, PASSWORD)
        me.go("/account/security")
        me.page.get_by_role("link", name="Change the password").click()
        me.at("account-password")
        me.page.get_by_label("New password").fill("password1")
        me.page.get_by_role("button", name="Set the password").click()
        me.page.get_by_text("would be guessed").wait_for()
        me.at("account-password-refused")
        me.page.get_by_label("New password").fill(FRESH)
        me.page.get_by_role("button", name="Set the password").click()
        me.page.get_by_text("Your password is changed").wait_for()
        me.page.get_by_role("link", name="Change the e-mail address").click()
        me.at("account-email")
        me.page.get_by_label("New e-mail address").fill(new)
        me.page.get_by_role("button", name="Send the links").click()
        me.page.get_by_text("Your address is about to change").wait_for()
        me.at("account-security-pending")
        me.go(link(host, email, "change-email-old"), "change-email-old")
        me.page.get_by_role("button", name="Let it change").click()
        me.page.get_by_text("once the link in the other mail").wait_for()
        me.go(link(host, new, "change-email-new"), "change-email-new")
        me.page.get_by_role("button", name="Use this address").click()
        me.page.get_by_text(f"Your address is {new} now").wait_for()
        me.at("account-security-changed")
        assert not me.faults, "\n".join(me.faults)


def test_authenticator_app(app: FastAPI, host: Host, tmp_path: Path) -> None:
    with launched() as browser, served(app) as address:
        email = "ada@example.com"
        made(host, email)
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        me.sign_in(email, PASSWORD)
        me.go("/account/security/totp")
        secret = me.page.locator("p.mono").inner_text().replace(" ", "")
        clock, step = pyotp.HOTP(secret), int(time.time()) // 30
        me.page.get_by_label("Code that the app shows").fill("000000")
        me.page.get_by_role("button", name="Turn it on").click()
        me.page.get_by_text("is not the code").wait_for()
        me.at("totp-refused")
        me.page.get_by_label("Code that the app shows").fill(clock.at(step))
        me.page.get_by_role("button", name="Turn it on").click()
        me.page.get_by_text("Keep these codes now").wait_for()
        me.at("recovery-codes")
        code = me.page.locator("ul.mono li").first.inner_text()
        me.page.get_by_role("link", name="I have kept them").click()
        me.page.get_by_text("10 recovery codes are left").wait_for()
        me.at("account-security-totp")
        me.go("/account/security/totp", "totp-on")
        me.go("/account/sessions")

        other = Looker(browser, address, EVERY, shots_folder(tmp_path))
        other.page.goto(f"{address}/sign-in")
        other.page.get_by_label("E-mail").fill(email)
        other.page.get_by_label("Password").fill(PASSWORD)
        other.page.get_by_role("button", name="Sign in").click()
        other.page.get_by_role("heading", name="Your code").wait_for()
        other.at("second-factor")
        other.page.get_by_label("Code").fill(code)
        other.page.get_by_role("button", name="Sign in").click()
        other.page.wait_for_url("**/dashboard")
        assert not me.faults + other.faults, "\n".join(me.faults + other.faults)


def test_data_and_farewell(app: FastAPI, host: Host, tmp_path: Path) -> None:
    with launched() as browser, served(app) as address:
        email = "ada@example.com"
        made(host, email)
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        me.sign_in(email, PASSWORD)
        me.go("/account/export")
        with me.page.expect_download() as waited:
            me.page.get_by_role("button", name="Download").click()
        kept = json.loads(Path(waited.value.path()).read_text())
        assert kept["musekit"]["user"]["email"] == email
        me.page.get_by_role("link", name="Delete the account").click()
        me.at("account-delete")
        me.page.get_by_label(f"Type {email}").fill("eve@example.com")
        me.page.get_by_role("button", name="Delete the account").click()
        me.page.get_by_text("if you mean it").wait_for()
        me.at("account-delete-refused")
        me.page.get_by_label(f"Type {email}").fill(email)
        me.page.get_by_role("button", name="Delete the account").click()
        me.page.get_by_text("Your account is closed").wait_for()
        me.at("farewell")
        assert deletion.work(host) == 1
        assert not me.faults, "\n".join(me.faults)


def test_the_first_operator(app: FastAPI, host: Host, tmp_path: Path) -> None:
    with launched() as browser, served(app) as address:
        with host.database.session(SYSTEM) as session:
            for user in session.query(User):
                user.is_operator = False
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        path = set_up.offer(host).removeprefix(address)
        me.go(path, "set-up")
        me.page.get_by_label("E-mail").fill("boss@example.com")
        me.page.get_by_label("Password").fill(PASSWORD)
        me.page.get_by_role("button", name="Make the operator").click()
        me.page.get_by_text("You are the operator").wait_for()
        me.go(path, "set-up-dead")
        assert not me.faults, "\n".join(me.faults)


def test_a_passkey(app: FastAPI, host: Host, tmp_path: Path) -> None:
    """With an authenticator of the browser's own, as its developer tools have one."""
    with launched() as browser, served(app) as address:
        address = address.replace("127.0.0.1", "localhost")
        host.settings.public_url = address
        email = "ada@example.com"
        made(host, email)
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        me.sign_in(email, PASSWORD)
        me.go("/account/passkeys")
        tools = me.page.context.new_cdp_session(me.page)
        tools.send("WebAuthn.enable")
        tools.send(
            "WebAuthn.addVirtualAuthenticator",
            {"options": {
                "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
                "hasUserVerification": True, "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }},
        )  # fmt: skip
        me.page.get_by_label("Name").fill("my laptop")
        me.page.get_by_role("button", name="Add a passkey").click()
        me.page.locator("strong", has_text="my laptop").wait_for()
        me.at("account-passkeys-one")
        me.page.get_by_role("button", name="Add a passkey").click()
        me.page.get_by_text("has a passkey for your account already").wait_for()
        me.at("account-passkeys-known")
        me.page.context.clear_cookies()
        me.go("/sign-in?next=/account/sessions", "sign-in-passkey")
        me.page.get_by_role("button", name="Sign in with a passkey").click()
        me.page.wait_for_url(f"{address}/account/sessions")
        me.at("account-sessions-passkey")
        me.go("/account/passkeys")
        me.page.get_by_role("button", name="Remove my laptop").click()
        me.page.get_by_text("opens nothing any more").wait_for()
        assert not me.faults, "\n".join(me.faults)
