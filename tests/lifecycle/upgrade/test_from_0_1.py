"""What people did in 0.1, kept as rows of a real deployment, goes through every later migration."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.lifecycle import seeing
from tests.lifecycle.test_platform import age
from tests.lifecycle.test_product import start
from tests.support import kept_rows
from tests.support.deployment import Deployment, Person, deployed
from tests.support.example_network import network
from tests.support.wheels import Environment, Wheels, fresh

from passivepost.testing import Double

pytestmark = [pytest.mark.wheels, pytest.mark.timeout(300)]

ROWS = json.loads((Path(__file__).parent / "releases" / "0.1.json").read_text())
#: The key of that deployment: of no use for anything else.
KEY = "kept:" + base64.b64encode(hashlib.sha256(b"tests/lifecycle/releases").digest()).decode()
#: The newest migrations of 0.1, by package.
HEADS = {"musekit": 3, "passivepost": 2}


@pytest.fixture
def environment(tmp_path: Path, wheels: Wheels, everything: Environment) -> Environment:
    ours = ["passivepost", "passivepost-platform-example"]
    return fresh(tmp_path / "venv", wheels, ours, base=everything)


@pytest.fixture
def example() -> Iterator[Double]:
    with network() as double:
        yield double


@pytest.fixture
def deployment(
    tmp_path: Path, environment: Environment, postgres: str, example: Double
) -> Iterator[Deployment]:
    with deployed(
        tmp_path / "deployment", postgres=postgres, musekit=environment.musekit, migrated=False,
        MUSEKIT_OUTBOUND_ALLOW=json.dumps([urlsplit(example.url).netloc]),
        PASSIVEPOST_PLATFORM_EXAMPLE_URL=example.url, PASSIVEPOST_PLATFORM_EXAMPLE_CLIENT_ID="me",
        PASSIVEPOST_POLL_SECONDS="1", SOCIAL_ENCRYPTION_KEY=KEY,
    ) as made:  # fmt: skip
        yield made


def later(environment: Environment) -> dict[Path, bytes]:
    """Return the migrations that came after 0.1."""
    return {
        path: path.read_bytes()
        for package, head in HEADS.items()
        for path in (environment.library / package / "migrations" / "versions").glob("*_0*.py")
        if int(path.stem[len(package) + 1 :][:4]) > head
    }


def test_people_of_0_1_go_on_where_they_were(deployment, environment, example):
    # The schema of 0.1 (its migrations are as they were), with what was in it.
    files = later(environment)
    for path in files:
        path.unlink()
    deployment.run("migrate")
    assert deployment.urls
    kept_rows.put(deployment.urls.system_url, ROWS)
    for path, data in files.items():
        path.write_bytes(data)

    done = [step["revision"] for step in deployment.json("migrate")]
    assert sorted(done) == sorted(path.stem[: len(path.parents[2].name) + 5] for path in files)
    for table in ROWS.keys() - {"deployment"}:
        assert seeing.counts(deployment, table)[table] >= len(ROWS[table]), table
    counted = {(row["period"], row["used"]) for row in ROWS["usage_counts"]}
    assert set(seeing.sql(deployment, "SELECT period, used FROM usage_counters")) == counted

    # Both come in with the password of then; what they had is there, and what waited goes out.
    posts = {row["content"]: row for row in ROWS["social_posts"]}
    age(deployment, posts["Due while it is upgraded"], 0)
    age(deployment, posts["Planned in 0.1"], -2)
    example.accept("Out in 0.1")  # which the network has, under its first id
    start(deployment)
    people = [Person(deployment.url, row["email"]) for row in ROWS["users"]]
    found = {}
    for person in people:
        person.sign_in()
        made = person.done("POST", "/api/auth/tokens", {"name": "suite", "scopes": ["*"]})
        person.token = made["token"]
        for page in ("/", "/account", "/account/security", "/organization", *seeing.PAGES):
            answer = person.browser.get(page, follow_redirects=True)
            assert answer.status_code == 200, f"{page}: {deployment.running[0].said}"
        found |= {each["content"]: (person, each) for each in person.api("GET", "/posts")["items"]}
    assert found.keys() == posts.keys()
    anna, due = found["Due while it is upgraded"]
    (account,) = anna.api("GET", "/accounts")["items"]
    assert (account["platform_username"], account["is_valid"]) == ("tester", True)
    anna.until(due, "posted")
    assert [each.text for each in example.accepted()] == [
        "Out in 0.1", "Due while it is upgraded",
    ]  # fmt: skip
    states = {content: person.post(post)["status"] for content, (person, post) in found.items()}
    assert states == {
        "Out in 0.1": "posted", "Due while it is upgraded": "posted",
        "Planned in 0.1": "scheduled", "A draft of 0.1": "draft", "Berta's draft": "draft",
    }  # fmt: skip
