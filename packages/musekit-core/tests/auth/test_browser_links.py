"""The pages of mailed links in a browser: a forgotten password from end to end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from tests.support.chromium import launched
from tests.support.looking import EVERY, Looker, served, shots_folder

from musekit.auth import service
from musekit.email.render import Writer
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD

from .mailbox import link

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.parametrize("backend", ["sqlite"]),
]  # fmt: skip
FRESH = "a pelican under umbrellas"


def test_a_forgotten_password(app: FastAPI, host: Host, tmp_path: Path) -> None:
    with launched() as browser, served(app) as address:
        email = "ada@example.com"
        with host.database.session(Actor.system("tests")) as session:
            service.sign_up(session, email, PASSWORD, "Ada Lovelace")
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        me.go("/sign-in")
        me.page.get_by_role("link", name="Forgotten the password?").click()
        me.at("forgot")
        me.page.get_by_label("E-mail").fill(email)
        me.page.get_by_role("button", name="Send the link").click()
        me.page.get_by_text("Look into your mailbox").wait_for()
        me.at("forgot-sent")
        me.go(link(host, email, "reset-password"), "reset")
        me.page.get_by_label("New password").fill("password1")
        me.page.get_by_role("button", name="Set the password").click()
        me.page.get_by_text("would be guessed").wait_for()
        me.at("reset-refused")
        me.page.get_by_label("New password").fill(FRESH)
        me.page.get_by_role("button", name="Set the password").click()
        me.page.get_by_text("Your new password is set").wait_for()
        me.go(link(host, email, "reset-password"), "link-spent")
        me.sign_in(email, FRESH)
        assert not me.faults, "\n".join(me.faults)


def test_confirming_an_address(app: FastAPI, host: Host, tmp_path: Path) -> None:
    with launched() as browser, served(app) as address:
        email = "ada@example.com"
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        me.page.goto(f"{address}/sign-up")
        me.page.get_by_label("E-mail").fill(email)
        me.page.get_by_label("Password").fill(PASSWORD)
        me.page.get_by_role("button", name="Create account").click()
        me.page.wait_for_url("**/dashboard")
        me.go("/account", "account-unconfirmed")
        me.page.get_by_role("button", name="Send the link again").click()
        me.page.get_by_text("The mail is on its way").wait_for()
        me.go(link(host, email, "verify-email"), "verify")
        me.page.get_by_role("button", name="Confirm the address").click()
        me.page.get_by_text(f"{email} is confirmed").wait_for()
        assert not me.faults, "\n".join(me.faults)


def test_mails_in_a_browser(host: Host, tmp_path: Path) -> None:
    """As web mail shows them: no wider than a phone, nothing that axe would call serious."""
    with launched() as browser:
        writer = Writer(host)
        me = Looker(browser, "", EVERY, shots_folder(tmp_path))
        for key, template in host.registry.email_templates.items():
            me.page.set_content(writer.write(template, template.sample()).html)
            me.at(f"mail-{key}")
        # It is no page of ours: readers of mail put it into theirs.
        own = [each for each in me.faults if not re.search(" region:|landmark", each)]
        assert not own, "\n".join(own)
