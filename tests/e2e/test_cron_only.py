"""No worker, no Redis: the cron endpoint alone delivers, and lets nobody else in."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.support.deployment import Deployment, Person, deployed
from tests.support.sandbox import Sandbox

CRON = "/api/social/cron/process-scheduled"
SECRET = "cron-" + "s" * 40
GOOD = {"Authorization": f"Bearer {SECRET}"}
PEOPLE, POSTS = 5, 500


@pytest.fixture(scope="module")
def deployment(
    tmp_path_factory: pytest.TempPathFactory, postgres: str, net: Sandbox
) -> Iterator[Deployment]:
    """Two web processes, so that calls at once really are in two processes; and nothing else."""
    with deployed(
        tmp_path_factory.mktemp("deployment"), postgres=postgres,
        MUSEKIT_CRON_SECRET=SECRET,
        MUSEKIT_LOG_LEVEL="WARNING",
        PASSIVEPOST_CRON_BUDGET_SECONDS="1.5",
        PASSIVEPOST_DEFAULT_TIER="tier_3",
        PASSIVEPOST_PLATFORM_SANDBOX_BASE_URL=net.url,
        # The oracle is the ledger: the network must not hide a second call by knowing our key.
        PASSIVEPOST_PLATFORM_SANDBOX_IDEMPOTENCY="none",
    ) as made:  # fmt: skip
        made.serve("--workers", "2")
        yield made


@pytest.fixture(scope="module")
def people(deployment: Deployment, net: Sandbox) -> list[Person]:
    made = [deployment.sign_up() for _ in range(PEOPLE)]
    for number, person in enumerate(made):
        person.connect("sandbox", net.consent(f"person{number}"))
    return made


@pytest.fixture(scope="module")
def cron(deployment: Deployment) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=deployment.url, timeout=60) as client:
        yield client


def schedule(people: list[Person], count: int, mark: str) -> list[str]:
    """Schedule so many posts for now, dealt out over the people; return their texts."""
    now = datetime.now(UTC).isoformat()
    texts = [f"{mark} {number}" for number in range(count)]
    for number, text in enumerate(texts):
        body = {"platform": "sandbox", "content": text, "scheduled_at": now}
        people[number % len(people)].api("POST", "/posts", body, status=201)
    return texts


def statuses(people: list[Person]) -> Counter[str]:
    found: Counter[str] = Counter()
    for person in people:
        cursor: dict[str, Any] = {}
        while True:
            page = person.api("GET", "/posts", params={"limit": 200, **cursor})
            found.update(post["status"] for post in page["items"])
            if not page["next_cursor"]:
                break
            cursor = {"cursor": page["next_cursor"]}
    return found


def test_repeated_calls_deliver_500_posts_and_each_call_keeps_its_time(people, net, cron):
    # Each account sends one at a time, 25 ms each: more than one call can do in its budget.
    net.faults({"fault": "slow", "op": "post", "seconds": 0.025})
    wanted = schedule(people, POSTS, "batch")
    answers, took = [], []
    while not answers or answers[-1]["remaining"]:
        began = time.monotonic()
        answers.append(cron.get(CRON, headers=GOOD).raise_for_status().json())
        took.append(time.monotonic() - began)
        assert len(answers) < 60, answers
        if len(answers) == 1:
            first = statuses(people)
            # What was over the budget is still due; nothing is stuck between.
            assert answers[0]["remaining"] == POSTS - first["posted"] > 0
            assert set(first) <= {"posted", "queued", "scheduled"}
    assert sum(answer["posted"] for answer in answers) == POSTS
    assert sorted(net.texts("batch")) == sorted(wanted)
    assert statuses(people) == {"posted": POSTS}
    assert max(took) < 1.5 + 5, took


def test_fifty_calls_at_once_deliver_each_post_once(people, net, cron, deployment):
    net.faults()
    wanted = schedule(people, 60, "at once")

    async def flood() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(
            base_url=deployment.url, headers=GOOD, timeout=60, limits=limits
        ) as client:
            return await asyncio.gather(*(client.get(CRON) for _ in range(50)))

    answers = asyncio.run(flood())
    assert {answer.status_code for answer in answers} == {200}
    told = [answer.json() for answer in answers]
    while told[-1]["remaining"] or len(told) == 50:  # on a slow machine the budget may not do
        told.append(cron.get(CRON, headers=GOOD).json())
    assert sorted(net.texts("at once")) == sorted(wanted)
    assert sum(answer["posted"] for answer in told) == 60, told
    assert net.summary()["duplicate_texts"] == []


def test_a_replay_finds_nothing_to_do(net, cron):
    before = net.texts()
    for _ in range(20):
        answer = cron.get(CRON, headers=GOOD)
        assert answer.json() == {"claimed": 0, "posted": 0, "unconfirmed": 0, "remaining": 0}
        assert answer.headers["cache-control"] == "no-store"
    assert net.texts() == before


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_only_the_whole_secret_opens_the_door(people, net, cron, method):
    schedule(people[:1], 1, f"shut {method}")
    person = people[0]
    for headers in (
        {},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {SECRET[:-1]}"},
        {"Authorization": f"Bearer {SECRET[:16]}"},
        {"Authorization": f"Bearer {SECRET}s"},
        {"Authorization": f"Bearer {SECRET} {SECRET}"},
        {"Authorization": f"Bearer {SECRET * 1000}"},
        {"Authorization": f"Bearer {SECRET.upper()}"},
        {"Authorization": f"Basic {SECRET}"},
        {"Authorization": SECRET},
        {"Authorization": f"Bearer {person.token}"},
        {"X-Cron-Secret": SECRET},
        {"Cookie": f"secret={SECRET}"},
        {"User-Agent": "vercel-cron/1.0", "X-Vercel-Cron": "1"},
    ):
        answer = cron.request(method, CRON, headers=headers)
        assert answer.status_code in (400, 401, 405, 431), (method, str(headers)[:80])
        assert SECRET not in answer.text
    for url in (f"{CRON}?secret={SECRET}", f"{CRON}?token={SECRET}", f"{CRON}?key={SECRET}"):
        assert cron.request(method, url).status_code in (401, 405)
    assert person.browser.request(method, CRON).status_code in (401, 405)
    assert net.texts(f"shut {method}") == []


@pytest.mark.parametrize("secret", ["", None])
def test_without_a_secret_there_is_no_such_page(tmp_path, secret):
    given = {} if secret is None else {"MUSEKIT_CRON_SECRET": secret}
    with deployed(tmp_path / "deployment", **given) as deployment:
        deployment.serve()
        for headers in ({}, GOOD, {"Authorization": "Bearer"}):
            assert httpx.get(deployment.url + CRON, headers=headers).status_code == 404


def test_a_short_secret_is_refused_at_start_and_named(tmp_path):
    with deployed(tmp_path / "deployment", MUSEKIT_CRON_SECRET="s" * 31) as deployment:
        done = deployment.run("serve", "--port", "0", status=1)
        assert "MUSEKIT_CRON_SECRET" in done.stderr
        assert "Traceback" not in done.stderr
