"""Taking the next release, and going back from it: real wheels over real data, both databases.

The release before is the present tree; the one after is made of it (`tests.support.next_release`).
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from tests.lifecycle import seeing
from tests.lifecycle.test_product import start
from tests.lifecycle.upgrade.work import COMPATIBLE, HOUSE, NOW, THEIR_NAME, Work, refused
from tests.support import next_release
from tests.support.deployment import Deployment, wait_for
from tests.support.smtp import Receiver
from tests.support.wheels import REPOSITORY

pytestmark = [pytest.mark.wheels, pytest.mark.timeout(400)]

#: The newest migrations of core and product, before and after.
OLD, NEW = (
    [next_release.revisions(REPOSITORY / "packages" / dist / "src" / package)[at]
     for dist, package in zip(HOUSE, ("musekit", "passivepost"), strict=True)]
    for at in (0, 1)
)  # fmt: skip


def test_the_next_release_is_taken_and_taken_back(
    deployment, environment, compatible, net, example, mailbox, postgres
):
    # What is said is the same for both databases: on one of them all commands are heard.
    commands = [("serve", "--port", str(deployment.port))]
    if not postgres:
        # The supervisor of several would start them again for ever.
        commands += [(*commands[0], "--workers", "2"), ("worker",), ("doctor",)]
    work = Work(deployment, net)
    deployment.stop()
    stands, schema = seeing.contents(deployment), seeing.as_owner(deployment)

    # Installed and not migrated: nothing starts, nothing is changed, and what to do is said.
    environment.put(compatible, *HOUSE)
    refused(deployment, *commands[0], says=(NEW[0], "musekit migrate"))
    due = json.loads(deployment.run("migrate", "--check", "--json", status=1).stdout)
    assert due == {"pending": {"musekit": [NEW[0]], "passivepost": [NEW[1]]}, "faults": {}}
    assert seeing.contents(deployment) == stands

    # The core alone migrated: it serves, and holds its product until that is migrated, too.
    assert steps(deployment.json("migrate", "--plugin", "musekit")) == [NEW[0]]
    held = {row["name"]: row for row in start_and_list(deployment)}["passivepost"]
    assert held["state"] == "held (migrations)"
    assert NEW[1] in held["detail"]
    assert "musekit migrate" in held["detail"]
    assert work.anna.done("GET", "/api/auth/me")
    deployment.stop()

    # Migrated: it is all there, what waited goes out, and what is new knows what is old.
    assert steps(deployment.json("migrate")) == [NEW[1]]
    assert deployment.json("migrate") == []
    start(deployment)
    assert httpx.get(f"{deployment.url}/readyz").json()["plugins"] == {
        "musekit": COMPATIBLE, "passivepost": COMPATIBLE, "passivepost_platform_sandbox": NOW,
        THEIR_NAME: NOW,
    }  # fmt: skip
    work.is_there()
    for post in (work.due, work.theirs):
        work.anna.until(post, "posted")
    assert net.texts() == ["Out before the upgrade", "Due while it is upgraded"]
    assert [each.text for each in example.accepted()] == ["Of a platform of somebody else"]
    wait_for(lambda: "bert@example.com" in invited(mailbox), 20, lambda: repr(mailbox.taken))
    assert work.anna.api("GET", "/openings") == {
        key: [len(post["content"]), post["content"][:8]] for key, post in work.posts.items()
    }
    written = work.anna.schedule("sandbox", 0, content="Written by the next release")
    work.anna.until(written, "posted")
    assert work.anna.api("GET", "/openings")[written["id"]] == [27, None]

    # Back by pip alone: nothing starts and nothing is written; who made the schema is named, with
    # what to install, for both at once.
    deployment.stop()
    stands = seeing.contents(deployment)
    environment.put(environment.wheels, *HOUSE)
    ahead = (
        f"the database is at {NEW[0]}, made by musekit-core {COMPATIBLE}",
        f"musekit-core {NOW}, which is installed, knows it up to {OLD[0]}",
        "nothing is lost", f"pip install 'musekit-core>={COMPATIBLE}'", "restore the backup",
    )  # fmt: skip
    both = (*ahead, f"the database is at {NEW[1]}, made by passivepost {COMPATIBLE}")
    up = ("up", "--port", str(deployment.port))
    for command in (*commands, up, ("migrate", "--check")):
        refused(deployment, *command, says=both)
    refused(deployment, "migrate", says=ahead)
    assert seeing.contents(deployment) == stands
    assert seeing.as_owner(deployment).added_since(schema) != set()

    # The product alone taken back: it is held with the same words, the rest serves.
    environment.put(compatible, "musekit-core")
    rows = {row["name"]: row for row in start_and_list(deployment)}
    assert rows["passivepost"]["state"] == "held (migrations)"
    for words in (NEW[1], f"passivepost>={COMPATIBLE}", "restore the backup"):
        assert words in rows["passivepost"]["detail"]
    assert "Run `musekit migrate`" not in rows["passivepost"]["detail"]
    assert rows[THEIR_NAME]["state"] == "held (inactive)"
    assert work.anna.done("GET", "/api/auth/me")
    assert work.anna.browser.get("/api/social/posts").status_code == 404

    # The release again: as if nothing had been.
    deployment.stop()
    environment.put(compatible, "passivepost")
    assert deployment.json("migrate") == []
    deployment.serve()
    work.is_there()
    assert work.anna.post(written)["status"] == "posted"
    assert len(net.texts()) == 3


def steps(found: list[dict[str, Any]]) -> list[str]:
    return [each["revision"] for each in found]


def start_and_list(deployment: Deployment) -> list[dict[str, Any]]:
    """Start the web process alone; return what it says of plugins."""
    deployment.serve()
    rows: list[dict[str, Any]] = deployment.json("plugins", "list")
    return rows


def invited(mailbox: Receiver) -> set[str]:
    """Return to whom an invitation came."""
    return {to for mail in mailbox.taken for to in mail.to if "Juniper" in mail.text}
