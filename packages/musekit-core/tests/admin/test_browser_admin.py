"""The operator's pages in a browser, in every look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from tests.support.chromium import launched
from tests.support.looking import EVERY, Looker, served, shots_folder

from musekit.auth import service
from musekit.email import service as email
from musekit.email.delivery import deliver
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.parametrize("backend", ["sqlite"]),
]  # fmt: skip
SYSTEM = Actor.system("tests")


def test_an_operator_looks_around_and_gives_a_tier(
    app: FastAPI, host: Host, operator: Any, tmp_path: Path
) -> None:
    with host.database.session(SYSTEM) as session:
        user, _ = service.sign_up(session, "ada@example.com", PASSWORD, "Ada Lovelace")
        email.queue(
            session, host, "reset-password", to=user,
            context={"url": "https://app.example/reset/a-link", "minutes": 60},
        )  # fmt: skip
    deliver(host)
    with launched() as browser, served(app) as address:
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        me.sign_in(operator.user.email, operator.user.password)
        me.page.locator("summary.who").last.click()
        me.page.get_by_role("link", name="Administration", exact=True).click()
        me.page.wait_for_url("**/admin")
        me.go("/admin")
        me.go("/admin/users")
        me.page.get_by_role("link", name="Ada Lovelace").click()
        me.page.get_by_role("heading", name="Ada Lovelace").wait_for()
        me.page.get_by_label("Tier").select_option("tier_3")
        me.page.get_by_label("Reason").fill("our guest")
        me.page.get_by_role("button", name="Give the tier").click()
        me.page.get_by_text("The tier is given").wait_for()
        me.at("admin-user")
        me.page.get_by_role("button", name="Take back").click()
        me.page.get_by_text("The tier is taken back").wait_for()
        me.go("/admin/users?search=nobody", "admin-users-none")
        me.go("/admin/email")
        me.page.get_by_role("link", name="Choose a new password").click()
        me.page.get_by_text("a-link").wait_for()
        me.at("admin-mail")
        assert not me.faults, "\n".join(me.faults)
