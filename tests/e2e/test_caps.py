"""200 creates at once at one below a cap, over HTTP, to two web processes: exactly one passes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.support.deployment import Deployment, Person, deployed
from tests.support.sandbox import Sandbox

THREADS, EACH = 20, 10
#: Of the free tier (`passivepost.tiers.TIERS`).
A_DAY, A_MONTH = 10, 100


@pytest.fixture(scope="module")
def deployment(
    tmp_path_factory: pytest.TempPathFactory, postgres: str, net: Sandbox
) -> Iterator[Deployment]:
    with deployed(
        tmp_path_factory.mktemp("deployment"), postgres=postgres,
        MUSEKIT_LOG_LEVEL="WARNING",
        PASSIVEPOST_PLATFORM_SANDBOX_BASE_URL=net.url,
    ) as made:  # fmt: skip
        made.serve("--workers", "2")
        yield made


@pytest.fixture
def person(deployment: Deployment, net: Sandbox) -> Person:
    made = deployment.sign_up()
    made.connect("sandbox", net.consent(made.email.partition("@")[0]))
    return made


def first_of_next_month() -> datetime:
    today = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    return (today.replace(day=28) + timedelta(days=4)).replace(day=1)


def body(at: datetime) -> dict[str, Any]:
    return {"platform": "sandbox", "content": "x", "scheduled_at": at.isoformat()}


def all_at_once(person: Person, when: Callable[[int], datetime]) -> list[httpx.Response]:
    """Send 200 creates from 20 threads; `when` gives the time of each."""
    answers: list[httpx.Response] = []
    gate = threading.Barrier(THREADS)

    def many(number: int) -> None:
        with httpx.Client(
            base_url=person.url, timeout=60, headers={"Authorization": f"Bearer {person.token}"}
        ) as browser:
            gate.wait()
            for n in range(EACH):
                made = browser.post("/api/social/posts", json=body(when(number * EACH + n)))
                answers.append(made)

    threads = [threading.Thread(target=many, args=(number,)) for number in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return answers


def judged(answers: list[httpx.Response], limit: str, most: int) -> None:
    codes = Counter(each.status_code for each in answers)
    assert codes == {201: 1, 429: THREADS * EACH - 1}, codes
    told = [each.json() for each in answers if each.status_code == 429]
    assert {each["limit"] for each in told} == {limit}
    assert {(each["max"], each["used"], each["tier"]) for each in told} == {(most, most, "tier_1")}
    assert {each["upgrade"]["tier"] for each in told} == {"tier_2"}
    assert {each["upgrade_url"] for each in told} == {"/billing/plans"}
    assert all(datetime.fromisoformat(each["resets_at"]).tzinfo for each in told)


def used(person: Person) -> dict[str, Any]:
    (plan,) = person.done("GET", "/api/usage")["items"]
    return {each["limit"]: each["used"] for each in plan["limits"]}


def test_the_cap_of_a_day(person: Person) -> None:
    at = first_of_next_month()
    for _ in range(A_DAY - 1):
        person.api("POST", "/posts", body(at), status=201)
    judged(all_at_once(person, lambda n: at + timedelta(minutes=n)), "posts_per_day", A_DAY)
    # The next day is another count; today's is none of its.
    person.api("POST", "/posts", body(at + timedelta(days=1)), status=201)
    assert used(person)["posts_per_day"] == 0


def test_the_cap_of_a_month_over_many_days(person: Person) -> None:
    at = first_of_next_month()
    for number in range(A_MONTH - 1):
        person.api("POST", "/posts", body(at + timedelta(days=number % 11)), status=201)
    judged(
        all_at_once(person, lambda n: at + timedelta(days=11 + n % 14)), "posts_per_month", A_MONTH
    )
    listed = person.api("GET", "/posts?status=scheduled&limit=200")["items"]
    assert len(listed) == A_MONTH
