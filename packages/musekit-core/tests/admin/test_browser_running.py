"""The operator's pages about the deployment in a browser, in every look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from tests.support.chromium import launched
from tests.support.looking import EVERY, Looker, served, shots_folder

from musekit.auth import service
from musekit.email import suppression
from musekit.kernel import discovery
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.queue.messages import Message
from musekit.kernel.queue.models import FailedJob, WorkerProcess
from musekit.kernel.queue.parking import park
from musekit.kernel.registry import Quarantine
from musekit.organizations import service as organizations
from musekit.testing.pytest_plugin import PASSWORD

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.parametrize("backend", ["sqlite"]),
]  # fmt: skip
SYSTEM = Actor.system("tests")


def fill(host: Host) -> None:
    """Put something on every page."""
    with host.database.session(SYSTEM) as session:
        user, _ = service.sign_up(session, "ada@example.com", PASSWORD, "Ada Lovelace")
        session.flush()
        organizations.create(session, user.id, "Juniper & Sons")
        suppression.add(session, "gone@example.com", "*", "bounce", "550 no such mailbox")
        session.add_all([
            FailedJob(
                name="usage-sweep", ids={"space_id": str(user.id)}, attempts=4,
                error="OSError: the database is away", failed_at=utc_now(),
            ),
            WorkerProcess(
                host="machine-7", pid=4711, version="1", started_at=utc_now(), seen_at=utc_now(),
                running=["email-deliver"], services=[],
            ),
        ])  # fmt: skip
    park(host, Message(name="of-a-plugin-that-is-gone", ids={"post_id": "1"}), "nobody knows it")
    other = next(each for each in discovery.installed() if each.name != "musekit")
    host.registry.hold(
        Quarantine(
            plugin=other.name, dist=other.dist, version=other.version, phase="inactive",
            error="needs what is not here", advice="Install it with pip, then restart.",
        )
    )  # fmt: skip


def test_an_operator_looks_after_the_deployment(
    app: FastAPI, host: Host, operator: Any, tmp_path: Path
) -> None:
    fill(host)
    held = host.registry.quarantined[0].plugin
    with launched() as browser, served(app) as address:
        me = Looker(browser, address, EVERY, shots_folder(tmp_path))
        me.sign_in(operator.user.email, operator.user.password)
        me.go(f"/admin/plugins/{held}", "admin-plugin-held")
        me.go("/admin", "admin-needs-you")
        me.go("/admin/organizations")
        me.page.get_by_role("link", name="Juniper & Sons").click()
        me.page.get_by_role("heading", name="Juniper & Sons").wait_for()
        me.at("admin-organization")
        me.go("/admin/email/templates/usage-near-limit")
        frame = me.page.frame_locator("iframe.letter-frame")
        frame.get_by_role("heading").first.wait_for()
        ink = frame.locator("h1").evaluate("e => getComputedStyle(e).color")
        assert ink == "rgb(26, 31, 29)"  # the mail's own styles are let through
        me.go("/admin/products/things/tiers")
        me.page.get_by_label("Made").first.fill("7")
        me.page.get_by_role("button", name="See what it does", exact=True).click()
        me.page.get_by_text("Who changes tier").wait_for()
        me.at("admin-tiers-preview")
        me.page.get_by_role("button", name="Do this").click()
        me.page.get_by_text("The tiers are changed").wait_for()
        me.go("/admin/products/things/tiers", "admin-tiers-own")
        me.page.get_by_role("button", name="See what going back does").click()
        me.page.get_by_role("button", name="Do this").click()
        me.page.get_by_text("The tiers are changed").wait_for()
        assert not me.faults, "\n".join(me.faults)
