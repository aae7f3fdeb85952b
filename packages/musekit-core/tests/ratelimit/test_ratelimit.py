"""Sliding-window limits: the same rule in the database, in memory and in Redis."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from sqlalchemy import func, select

from musekit.errors import LimitReachedError
from musekit.kernel.actors import Actor
from musekit.kernel.database.session import Database
from musekit.kernel.ratelimit import MemoryStore, RateCounter, forget, hit, sweep

SYSTEM = Actor.system("tests")
Passed = Callable[[str, int, int, float], bool]


def test_the_limit_holds_and_slides(passed: Passed) -> None:
    start = 1_700_000_040.0  # the beginning of a window of 60 s
    assert [passed("a", 5, 60, start + n) for n in range(8)] == [True] * 5 + [False] * 3
    assert passed("b", 5, 60, start + 8)
    assert not passed("a", 5, 60, start + 60)  # a fixed window would forget everything
    assert passed("a", 5, 60, start + 75)
    assert [passed("a", 5, 60, start + 200 + n) for n in range(6)] == [True] * 5 + [False]


def test_refused_tries_do_not_lengthen_the_wait(passed: Passed) -> None:
    start = 1_700_000_040.0
    for n in range(500):
        passed("a", 5, 60, start + n / 10)
    assert passed("a", 5, 60, start + 75)


def test_retry_after_is_long_enough_and_not_much_longer(attempt, passed: Passed) -> None:
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
                assert passed(scope, limit, window, now + wait + 0.001), (case, wait)
                now += wait + 0.001


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


def test_memory_stays_bounded_and_keeps_what_still_counts() -> None:
    store, now = MemoryStore(scopes=100), 1_700_000_000.0
    for n in range(90):
        store.hit(f"old-{n}", 5, 60, now=now)
    for _ in range(5):
        store.hit("busy", 5, 60, now=now + 300)
    for n in range(40):
        store.hit(f"new-{n}", 5, 60, now=now + 301)
    assert not store.hit("busy", 5, 60, now=now + 302).allowed
    for n in range(1000):
        store.hit(f"flood-{n}", 5, 60, now=now + 303)
    assert len(store._counts) <= 100
