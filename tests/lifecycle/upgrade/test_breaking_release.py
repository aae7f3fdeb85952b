"""A release that plugins have to follow, `musekit up`, and the way back over a backup."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from tests.lifecycle.test_product import start
from tests.lifecycle.upgrade.work import BREAKING, HOUSE, NOW, THEIR_NAME, THEIRS, Work
from tests.support.deployment import Deployment, wait_for

pytestmark = [pytest.mark.wheels, pytest.mark.timeout(400)]


@pytest.mark.parametrize("postgres", ["sqlite"], indirect=True)
def test_a_release_that_breaks_plugins_holds_theirs_until_its_author_follows(
    deployment, environment, breaking, net, example
):
    work = Work(deployment, net)
    deployment.stop()
    data, backup = Path(deployment.environment["MUSEKIT_DATA_DIR"]), deployment.folder / "backup"
    shutil.copytree(data, backup)  # as docs/upgrading.md has it, while nothing runs

    # `musekit up` migrates by itself, and says so. Old platforms are named, with what they need.
    environment.put(breaking, *HOUSE)
    up = deployment.start("up", "--port", str(deployment.port))
    wait_for(lambda: answers(deployment), 30, lambda: up.said)
    assert "Migrating the database for musekit, passivepost" in up.said
    assert "2 migrations applied" in up.said
    rows = {row["name"]: row for row in deployment.json("plugins", "list")}
    for dist in (THEIRS, "passivepost-platform-sandbox"):
        row = rows[dist.replace("-", "_")]
        assert (row["state"], row["version"]) == ("fault", NOW)
        assert re.search(rf"needs {HOUSE[0]}\S* *<\S+, but {HOUSE[0]} is {BREAKING}", row["detail"])
    held = httpx.get(f"{deployment.url}/readyz").json()["held"]
    assert held == {THEIR_NAME: "requirements", "passivepost_platform_sandbox": "requirements"}
    doctor = {each["name"]: each for each in deployment.json("doctor", status=None)}
    assert f"{THEIRS} {NOW} is held (requirements)" in doctor[f"plugin {THEIR_NAME}"]["detail"]

    # Nothing of theirs is lost meanwhile: accounts stay, posts wait and say for what.
    work.is_there()
    for post in (work.due, work.theirs):
        wait_for(lambda p=post: work.anna.post(p)["hold"] == "platform_missing", 20)  # type: ignore[misc]
    assert example.accepted() == []

    # Their author follows.
    deployment.stop()
    environment.put(breaking, THEIRS)
    start(deployment)
    work.anna.until(work.theirs, "posted")
    assert [each.text for each in example.accepted()] == ["Of a platform of somebody else"]
    assert work.anna.post(work.due)["hold"] == "platform_missing"

    # Back for good: the release of before over the backup, which does not know what has gone out
    # since. So whatever is overdue is to wait for a decision, and nothing goes out twice.
    deployment.stop()
    environment.put(environment.wheels, *HOUSE, THEIRS)
    shutil.rmtree(data)
    shutil.copytree(backup, data)
    deployment.environment["PASSIVEPOST_LATE_MINUTES"] = "0.1"
    assert deployment.json("migrate") == []
    start(deployment)
    work.is_there()
    for post in (work.due, work.theirs):
        wait_for(lambda p=post: work.anna.post(p)["hold"] == "late", 20)  # type: ignore[misc]
    work.anna.api(
        "PUT", f"/posts/{work.due['id']}", {"scheduled_at": datetime.now(UTC).isoformat()}
    )
    work.anna.until(work.due, "posted")
    assert net.texts() == ["Out before the upgrade", "Due while it is upgraded"]
    assert len(example.accepted()) == 1


def answers(deployment: Deployment) -> bool:
    try:
        return httpx.get(f"{deployment.url}/healthz").status_code == 200
    except httpx.TransportError:
        return False
