"""The operator's page in a browser, in every look."""

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


def test_the_page_of_the_set_up(app: FastAPI, host: Host, net: Any, tmp_path: Path) -> None:
    with host.database.session(Actor.system("tests")) as session:
        user, _ = service.sign_up(session, "ada@example.com", PASSWORD, "Ada Lovelace")
        user.is_operator = True
    with launched() as browser, served(app) as address:
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        me.sign_in("ada@example.com", PASSWORD)
        me.go("/dashboard")
        me.go("/admin/setup/passivepost")
        me.page.get_by_role("button", name="Ask the networks").click()
        me.page.get_by_text("The networks are being asked").wait_for()
        for mail in ("post-failed", "post-unconfirmed", "reconnect", "trend-alert"):
            me.go(f"/admin/email/templates/{mail}")
        assert not me.faults, "\n".join(me.faults)
