"""The pages about mail in a browser, in every look."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from tests.support.chromium import launched
from tests.support.looking import EVERY, Looker, served, shots_folder

from musekit.auth import service as accounts
from musekit.email import suppression, unsubscribing
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.parametrize("backend", ["sqlite"]),
]  # fmt: skip
SYSTEM = Actor.system("tests")


def test_choosing_what_one_gets_mail_about(app: FastAPI, host: Host, tmp_path: Path) -> None:
    with launched() as browser, served(app) as address:
        email = "ada@example.com"
        with host.database.session(SYSTEM) as session:
            user, _ = accounts.sign_up(session, email, PASSWORD, "Ada Lovelace")
            user_id = user.id
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        me.sign_in(email, PASSWORD)
        me.go("/account/notifications", "notifications")
        me.page.get_by_role("switch", name="Limits of your plan").uncheck()
        me.page.get_by_role("button", name="Save").click()
        me.page.get_by_text("Your choice is saved").wait_for()
        assert not me.page.get_by_role("switch", name="Limits of your plan").is_checked()
        with host.database.session(SYSTEM) as session:
            suppression.add(session, email, suppression.EVERYTHING, "bounce", "550 5.1.1")
        me.go("/account/notifications", "notifications-bounced")
        me.page.get_by_role("button", name="Send mail there again").click()
        me.page.get_by_text("A mail is on its way to you").wait_for()
        me.at("notifications-reopened")
        with host.database.session(SYSTEM) as session:
            suppression.remove(session, email, "usage")
        me.go(urlsplit(unsubscribing.url(host, user_id, "usage")).path, "unsubscribe")
        me.page.get_by_role("button", name="Send me no more of them").click()
        me.page.get_by_role("heading", name="Done").wait_for()
        me.at("unsubscribed")
        me.page.get_by_role("link", name="All that you get mail about").click()
        me.page.get_by_role("heading", name="Notifications").wait_for()
        assert not me.page.get_by_role("switch", name="Limits of your plan").is_checked()
        assert not me.faults, "\n".join(me.faults)
