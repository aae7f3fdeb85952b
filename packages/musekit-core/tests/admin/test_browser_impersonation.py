"""An operator acts as a person in a browser, and both read of it; in every look."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from tests.support.chromium import launched
from tests.support.looking import EVERY, Looker, served, shots_folder

from musekit.auth.models import User
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.organizations import service as organizations
from musekit.testing.pytest_plugin import SignedIn

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.parametrize("backend", ["sqlite"]),
]  # fmt: skip
SYSTEM = Actor.system("tests")


def test_in_and_out(
    app: FastAPI, host: Host, operator: Any, make_user: Callable[..., SignedIn], tmp_path: Path
) -> None:
    ada = make_user("ada@example.com")
    with host.database.session(SYSTEM) as session:
        session.get_one(User, ada.user_id).email_verified_at = utc_now()
        organizations.create(session, ada.user_id, "Juniper & Sons")
    with launched() as browser, served(app) as address:
        shots = shots_folder(tmp_path)
        me = Looker(browser, address, EVERY, shots)
        me.sign_in(operator.user.email, operator.user.password)
        me.go(f"/admin/users/{ada.user_id}", "impersonation-before")
        me.page.locator("#impersonate-reason").fill("Ada wrote that her calendar is empty.")
        me.page.get_by_role("button", name="Act as this person").click()
        me.page.wait_for_url("**/dashboard")
        me.page.get_by_text("You act as ada@example.com").wait_for()
        me.at("impersonation-dashboard")
        me.go("/account/sessions", "impersonation-sessions")
        me.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        stop = me.page.get_by_role("region", name="You act as somebody else")
        stop = stop.get_by_role("button", name="Stop")
        box = stop.bounding_box()
        assert box is not None
        assert box["y"] >= 0  # it stays in view
        stop.focus()
        me.page.keyboard.press("Enter")
        me.page.wait_for_url(f"**/admin/users/{ada.user_id}")
        assert me.faults == [], "\n".join(me.faults)
        other = Looker(browser, address, EVERY, shots)
        other.sign_in(ada.email, ada.password)
        other.go("/account/sessions", "impersonation-told")
        other.page.get_by_text("her calendar is empty").first.wait_for()
        other.go("/account/activity")
        other.page.get_by_text("the operator").first.wait_for()
        other.go("/organization/audit", "audit-of-a-space")
        assert other.faults == [], "\n".join(other.faults)
