"""The pages of webhooks in a browser, in every look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from tests.support.chromium import launched
from tests.support.looking import EVERY, Looker, served, shots_folder

from musekit.auth import service
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.parametrize("backend", ["sqlite"]),
]  # fmt: skip
SYSTEM = Actor.system("tests")


def test_telling_a_receiver(app: FastAPI, host: Host, lab: Any, tmp_path: Path) -> None:
    with launched() as browser, served(app) as address:
        owner = "ada@example.com"
        with host.database.session(SYSTEM) as session:
            user, _ = service.sign_up(session, owner, PASSWORD, "Ada Lovelace")
            user.is_operator = True
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        page = me.page
        me.sign_in(owner, PASSWORD)
        me.go("/account/webhooks", "webhooks-none")
        page.get_by_role("link", name="Add a webhook").first.click()
        page.get_by_label("Address").fill("https://10.0.0.1/hooks")
        me.at("webhooks-new")
        page.get_by_role("button", name="Add").click()
        page.get_by_text("is not a public address").wait_for()
        me.at("webhooks-fault")
        page.get_by_label("Address").fill(lab.listener.url)
        page.get_by_label("What it is for").fill("Orders of the shop")
        page.get_by_role("button", name="Add").click()
        page.get_by_text("Copy the secret now").wait_for()
        me.at("webhooks-secret")
        page.get_by_role("link", name="Done").click()
        me.at("webhooks-fresh")
        page.get_by_role("button", name="Send a test").click()
        page.get_by_text("The receiver has answered 204").wait_for()
        me.at("webhooks-delivered")
        lab.listener.script.append(500)
        me.go(page.url.removeprefix(address).partition("/deliveries")[0], "webhooks-log")
        page.get_by_role("button", name="Send a test").click()
        page.get_by_text("The test has failed").wait_for()
        me.at("webhooks-failed")
        me.go(page.url.removeprefix(address).partition("/deliveries")[0], "webhooks-both")
        page.get_by_role("link", name="Change the secret").click()
        me.at("webhooks-rotate")
        page.get_by_role("button", name="Make a new secret").click()
        page.get_by_text("The old secret goes on").wait_for()
        me.at("webhooks-two-secrets")
        page.get_by_role("link", name="Done").click()
        page.get_by_role("button", name="Switch off").click()
        page.get_by_text("The webhook is off").wait_for()
        me.at("webhooks-off")
        me.go("/account/webhooks", "webhooks-list")
        me.go("/admin/webhooks", "webhooks-admin")
        me.go("/admin/webhooks?state=failing", "webhooks-admin-none")
        assert not me.faults, "\n".join(me.faults)
