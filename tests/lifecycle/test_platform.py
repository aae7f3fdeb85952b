"""A platform package goes and comes back under scheduled posts, and is purged: real wheels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.lifecycle import seeing
from tests.lifecycle.test_product import start
from tests.support.deployment import Deployment, deployed, wait_for
from tests.support.sandbox import Sandbox
from tests.support.wheels import Environment, Wheels, fresh

pytestmark = [pytest.mark.wheels, pytest.mark.timeout(400)]

DIST, NAME = "passivepost-platform-sandbox", "passivepost_platform_sandbox"


@pytest.fixture
def environment(tmp_path: Path, wheels: Wheels, everything: Environment) -> Environment:
    return fresh(
        tmp_path / "venv",
        wheels,
        ["passivepost", DIST, "passivepost-platforms-stubs"],
        base=everything,
    )


@pytest.fixture
def deployment(
    tmp_path: Path, environment: Environment, postgres: str, net: Sandbox
) -> Iterator[Deployment]:
    with deployed(
        tmp_path / "deployment", postgres=postgres, musekit=environment.musekit, migrated=False,
        PASSIVEPOST_PLATFORM_SANDBOX_BASE_URL=net.url, PASSIVEPOST_POLL_SECONDS="1",
    ) as made:  # fmt: skip
        made.run("migrate")
        yield made


def age(deployment: Deployment, post: dict[str, object], hours: float) -> None:
    """Let a post have been due so long ago, as if everything had been down that long."""
    then = datetime.now(UTC) - timedelta(hours=hours)
    stored = then if deployment.urls and "postgres" in deployment.urls.system_url else (
        then.strftime("%Y-%m-%d %H:%M:%S.%f")
    )  # fmt: skip
    same = "replace(CAST({} AS TEXT), '-', '') = :id"
    values = {"at": stored, "id": str(post["id"]).replace("-", "")}
    for table, column, key in (
        ("publish_state", "due_at", "post_id"), ("social_posts", "scheduled_at", "id"),
    ):  # fmt: skip
        seeing.sql(
            deployment, f"UPDATE {table} SET {column} = :at WHERE {same.format(key)}", **values
        )


def test_a_platform_comes_and_goes(deployment, environment, net):  # noqa: PLR0915 - a story
    start(deployment)
    person = deployment.sign_up()
    account = person.connect("sandbox", net.consent("juniper"))
    person.until(person.schedule("sandbox", 0, content="before"), "posted")
    deployment.running[-1].stop()  # no worker: these become due while the package is away
    soon, old = (person.schedule("sandbox", 0, content=text) for text in ("soon", "old"))
    planned = person.schedule("sandbox", 7200, content="planned")

    # Gone: its posts are held with the reason, its account is still shown; the rest works.
    environment.uninstall(DIST)
    start(deployment, person)
    for post in (soon, old):
        wait_for(lambda p=post: person.post(p)["hold"] == "platform_missing", 20)  # type: ignore[misc]
        held = person.post(post)
        assert held["status"] in ("scheduled", "queued")
        assert held["publish"]["hold"] == "platform_missing"
    assert person.post(planned)["hold"] is None
    (kept,) = person.api("GET", "/accounts")["items"]
    assert (kept["id"], kept["is_valid"]) == (account["id"], True)
    for path, body in (
        ("/posts", {"platform": "sandbox", "content": "new"}),
        ("/connect", {"platform": "sandbox"}),
    ):
        assert "no platform “sandbox” here" in person.api("POST", path, body, status=422)["detail"]
    checked = person.api("POST", "/accounts/validate")["items"]
    assert [each["is_valid"] for each in checked] == [True]  # nothing could be asked: as it was
    for page in seeing.PAGES:
        assert person.browser.get(page).status_code == 200, page
    assert person.browser.get(f"/dashboard/social/posts/{soon['id']}").status_code == 200
    assert net.texts() == ["before"]

    # Back: what is inside the window goes out by itself, the older one asks first.
    deployment.stop()
    age(deployment, old, 3)
    environment.install(DIST)
    start(deployment, person)
    person.until(soon, "posted")
    wait_for(lambda: person.post(old)["hold"] == "late", 20)
    assert net.texts() == ["before", "soon"]
    now = datetime.now(UTC).isoformat()
    person.api("PUT", f"/posts/{old['id']}", {"scheduled_at": now})
    person.until(old, "posted")
    assert net.texts() == ["before", "soon", "old"]

    # Purged: first only told; then its accounts are gone, its scheduled posts are drafts.
    deployment.stop()
    refused = deployment.run("plugins", "purge", NAME, "--yes-delete", NAME, status=1)
    assert "uninstall it" in refused.stderr
    environment.uninstall(DIST)
    stands = seeing.as_owner(deployment)
    counted = seeing.counts(deployment, "social_accounts", "social_posts")
    dry = deployment.json("plugins", "purge", NAME)
    assert not dry["deleted"]
    assert dry["effects"]["accounts deleted, with their tokens"] == 1
    assert dry["effects"]["scheduled posts that become drafts"] == 1
    assert seeing.counts(deployment, "social_accounts", "social_posts") == counted
    assert deployment.json("plugins", "purge", NAME, "--yes-delete", NAME)["deleted"]
    assert seeing.as_owner(deployment) == stands  # it has no tables: only rows were concerned
    assert seeing.counts(deployment, "social_accounts", "social_posts") == {
        "social_accounts": 0, "social_posts": counted["social_posts"],
    }  # fmt: skip
    assert seeing.counts(deployment, "publish_state WHERE stage <> 'done'").popitem()[1] == 0
    start(deployment, person)
    draft = person.post(planned)
    assert (draft["status"], draft["publish"]) == ("draft", None)
    assert "removed from this server" in draft["error_message"]
    assert person.post(soon)["status"] == "posted"
    used = person.api("GET", "/tier")["usage"]["posts_per_day"]["used"]
    assert used == 3  # what went out counts; the draft was given back

    # Installed again it is like new: connect, schedule, out.
    environment.install(DIST)
    start(deployment, person)
    person.connect("sandbox", net.consent("juniper"))
    person.api("PUT", f"/posts/{planned['id']}", {"status": "scheduled", "scheduled_at": now})
    person.until(planned, "posted")
    assert net.summary()["duplicate_texts"] == []
