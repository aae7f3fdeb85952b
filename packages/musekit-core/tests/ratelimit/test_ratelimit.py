"""Sliding-window limits: durable ones in the database, quick ones in memory."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import func, select

from musekit.errors import LimitReachedError
from musekit.kernel.actors import Actor
from musekit.kernel.database.session import Database
from musekit.kernel.ratelimit import MemoryLimiter, RateCounter, forget, hit, sweep
from musekit.kernel.settings import CoreSettings

SYSTEM = Actor.system("tests")
Try = Callable[[str, int, int, float], None]


@pytest.fixture
def database(settings: CoreSettings) -> Iterator[Database]:
    made = Database(settings)
    yield made
    made.close()


@pytest.fixture(params=["database", "memory"])
def attempt(request: pytest.FixtureRequest, database: Database) -> Try:
    if request.param == "memory":
        limiter = MemoryLimiter()
        return lambda scope, limit, window, now: limiter.hit(scope, limit, window, now=now)

    def durable(scope: str, limit: int, window: int, now: float) -> None:
        with database.session(SYSTEM) as session:
            hit(session, scope, limit, window, now=now)

    return durable


def passed(attempt: Try, scope: str, limit: int, window: int, now: float) -> bool:
    try:
        attempt(scope, limit, window, now)
    except LimitReachedError:
        return False
    return True


def test_the_limit_holds_and_slides(attempt: Try) -> None:
    start = 1_700_000_040.0  # the beginning of a window of 60 s
    assert [passed(attempt, "a", 5, 60, start + n) for n in range(8)] == [True] * 5 + [False] * 3
    assert passed(attempt, "b", 5, 60, start + 8)
    assert not passed(attempt, "a", 5, 60, start + 60)  # a fixed window would forget everything
    assert passed(attempt, "a", 5, 60, start + 75)
    assert [passed(attempt, "a", 5, 60, start + 200 + n) for n in range(6)] == [True] * 5 + [False]


def test_refused_tries_do_not_lengthen_the_wait(attempt: Try) -> None:
    start = 1_700_000_040.0
    for n in range(500):
        passed(attempt, "a", 5, 60, start + n / 10)
    assert passed(attempt, "a", 5, 60, start + 75)


def test_retry_after_is_long_enough_and_not_much_longer(attempt: Try) -> None:
    chance = random.Random(7)
    for case in range(60):
        limit, window = chance.randint(1, 10), chance.choice([10, 60, 900])
        now, scope = 1_700_000_000 + chance.random() * 10_000, f"case-{case}"
        for _ in range(30):
            now += chance.random() * window / limit
            try:
                attempt(scope, limit, window, now)
            except LimitReachedError as error:
                wait = int(error.headers["Retry-After"])
                assert 1 <= wait <= 2 * window + 1
                assert passed(attempt, scope, limit, window, now + wait + 1), (case, wait)
                now += wait + 1


def test_parallel_tries_never_exceed_the_limit(database: Database) -> None:
    results: list[bool] = []

    def run() -> None:
        try:
            with database.session(SYSTEM) as session:
                hit(session, "same", 7, 3600, now=1_700_000_000)
            results.append(True)
        except LimitReachedError:
            results.append(False)

    threads = [threading.Thread(target=run) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (results.count(True), results.count(False)) == (7, 33)


def test_counters_are_forgotten_and_swept(database: Database) -> None:
    def rows() -> int:
        with database.session(SYSTEM, readonly=True) as session:
            return session.scalar(select(func.count()).select_from(RateCounter)) or 0

    with database.session(SYSTEM) as session:
        hit(session, "a", 5, 60, now=1_700_000_000)
        hit(session, "b", 5, 60, now=1_700_000_000)
        forget(session, "a")
    assert rows() == 1
    with database.session(SYSTEM) as session:
        sweep(session, now=1_700_000_060)
    assert rows() == 1
    with database.session(SYSTEM) as session:
        sweep(session, now=1_700_000_200)
    assert rows() == 0
