"""The page of an organization's own model in a browser, in every look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from tests.support.ai_double import KEY, AIDouble
from tests.support.chromium import launched
from tests.support.looking import EVERY, Looker, served, shots_folder

from musekit.auth import service
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.organizations import service as organizations
from musekit.testing.pytest_plugin import PASSWORD

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.parametrize("backend", ["sqlite"]),
]  # fmt: skip
SYSTEM = Actor.system("tests")


def test_setting_a_service_up(
    app: FastAPI, host: Host, lab: Any, models: AIDouble, tmp_path: Path
) -> None:
    lab.set_up("")
    with launched() as browser, served(app) as address:
        owner = "ada@example.com"
        with host.database.session(SYSTEM) as session:
            user, _ = service.sign_up(session, owner, PASSWORD, "Ada Lovelace")
            user.is_operator = True
            session.flush()
            organizations.create(session, user.id, "Juniper & Sons")
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        me.sign_in(owner, PASSWORD)
        me.go("/organization/ai", "ai-personal")
        me.page.locator("summary[aria-label^='Space']").click()
        me.page.get_by_role("button", name="Juniper & Sons").click()
        me.page.get_by_text("You are now in").wait_for()
        me.go("/organization/ai", "ai-none")
        me.page.get_by_label("Service").select_option("compatible")
        me.page.get_by_label("API key").fill(KEY)
        me.page.get_by_label("Model").fill("own-model")
        me.page.get_by_label("Address").fill("http://10.0.0.1/v1")
        me.page.get_by_role("button", name="Save").click()
        me.page.get_by_text("is not a public address").wait_for()
        me.at("ai-fault")
        me.page.get_by_label("API key").fill(KEY)
        me.page.get_by_label("Address").fill(f"{models.url}/v1")
        me.page.get_by_role("button", name="Save").click()
        me.page.get_by_text("is set up. Test it").wait_for()
        me.page.get_by_role("button", name="Test: Compatible with OpenAI").click()
        me.page.get_by_text("own-model has answered").wait_for()
        me.at("ai-set-up")
        me.page.locator("summary[aria-label^='Change']").click()
        me.at("ai-menu")
        me.page.get_by_role("link", name="Change").click()
        me.page.get_by_text("Leave it empty to keep").wait_for()
        me.at("ai-change")
        for page in ("", "/services", "/calls"):
            me.go(f"/admin/ai{page}")
        assert not me.faults, "\n".join(me.faults)
