"""D31: whatever Redis does, what guards secrets is never uncounted, and reading goes on.

Two limiters stand for two processes of one deployment, before a Redis of the test's own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.support.redis_server import Redis, redis_server

from musekit.declarations import RateLimit
from musekit.errors import LimitReachedError
from musekit.kernel.database.session import Database
from musekit.kernel.ratelimit import Limiter, policies
from musekit.kernel.ratelimit.redis_store import PAUSE
from musekit.kernel.settings import CoreSettings

#: Longer than usual: these tests run on machines that do much else.
WAIT = 0.5
LIGHT = RateLimit(name="light", hits=8, seconds=3600)
GRAVE = RateLimit(name="grave", hits=8, seconds=3600, away="database", strict_hits=4)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Redis]:
    with redis_server(tmp_path) as made:
        made.start()
        yield made


@pytest.fixture
def pair(settings: CoreSettings, database: Database, store: Redis) -> Iterator[list[Limiter]]:
    given = settings.model_copy(
        update={
            "redis_url": store.url,
            "queue_name": f"tests_{uuid4().hex}",
            "limit_wait_seconds": WAIT,
        }
    )
    made = [Limiter(given, database) for _ in range(2)]
    yield made
    for limiter in made:
        limiter.close()


def through(limiters: list[Limiter], policy: RateLimit, scope: str, tries: int = 20) -> list[int]:
    """How many of so many tries at each are let through; by turns from thread and loop."""

    async def ask(limiter: Limiter) -> bool:
        return (await limiter.ask(policy, scope)).allowed

    def hit(limiter: Limiter) -> bool:
        try:
            return limiter.hit(policy, scope).allowed
        except LimitReachedError:
            return False

    passed = [0] * len(limiters)
    with asyncio.Runner() as runner:
        for n in range(tries):
            for which, limiter in enumerate(limiters):
                passed[which] += runner.run(ask(limiter)) if n % 2 else hit(limiter)
    return passed


@pytest.mark.parametrize("policy", policies.POLICIES, ids=lambda each: each.name)
@pytest.mark.parametrize("backend", ["sqlite"])
def test_each_policy_of_the_core_while_redis_is_stopped_and_when_it_is_back(
    pair, store, policy
) -> None:
    """What policies declare is what happens; the rates are made small, in proportion."""
    from dataclasses import replace

    small = replace(policy, hits=8, strict_hits=policy.strict_hits and 4, seconds=3600)
    assert sum(through(pair, small, "before")) == 8
    store.kill()
    during = through(pair, small, "during")
    if policy.away == "database":
        assert policy.strict_hits is not None
        assert policy.strict_hits < policy.hits
        assert sum(during) == 4
    else:
        assert policy.away == "memory"
        assert during == [8, 8]  # each by itself, and none more than all may together
    store.start()
    time.sleep(PAUSE + 0.1)
    told = [limiter.fallbacks.total() for limiter in pair]
    assert sum(through(pair, small, "after")) == 8
    assert [limiter.fallbacks.total() for limiter in pair] == told
    assert not any(limiter.is_away for limiter in pair)


def out_of_memory(store: Redis) -> None:
    store.client.config_set("maxmemory", "1")


def read_only(store: Redis) -> None:
    store.client.replicaof("127.0.0.1", store.port + 1)


def locked(store: Redis) -> None:
    store.client.config_set("requirepass", "another")
    store.client.client_kill_filter(skipme=True, _type="normal")


def slow(store: Redis) -> None:
    store.client.client_pause(20_000)


def frozen(store: Redis) -> None:
    store.freeze()


def killed(store: Redis) -> None:
    store.kill()


def no_more_clients(store: Redis) -> None:
    store.client.config_set("maxclients", "1")
    store.client.client_kill_filter(skipme=True, _type="normal")


AWAY = (out_of_memory, read_only, locked, slow, frozen, killed, no_more_clients)


@pytest.mark.parametrize("fault", AWAY, ids=lambda each: each.__name__)
def test_a_redis_that_cannot_count_is_done_without(
    fault: Callable[[Redis], None], pair, store
) -> None:
    assert sum(through(pair, GRAVE, "warm", tries=2)) == 4  # connected, the script is known
    fault(store)
    start = time.perf_counter()
    assert sum(through(pair, GRAVE, "a")) == 4
    assert through(pair, LIGHT, "a") == [8, 8]
    # Of eighty tries those wait that come after a pause; the others find out at once.
    took = time.perf_counter() - start
    waits = sum(limiter.fallbacks.total() for limiter in pair)
    assert took < 0.25 * waits * WAIT, took
    assert all(limiter.fallbacks["grave"] for limiter in pair)


def flushed(store: Redis) -> None:
    store.client.flushall()


def scripts_flushed(store: Redis) -> None:
    store.client.script_flush()


def restarted(store: Redis) -> None:
    store.kill()
    store.start()


@pytest.mark.parametrize(
    "fault", [flushed, scripts_flushed, restarted], ids=lambda each: each.__name__
)
def test_a_redis_that_has_forgotten_counts_anew(fault, pair, store) -> None:
    assert sum(through(pair, GRAVE, "a", tries=2)) == 4
    fault(store)
    if fault is restarted:
        # The old connections break at the first use; after the pause all is as before.
        through(pair, GRAVE, "broken", tries=1)
        time.sleep(PAUSE + 0.1)
    told = [limiter.fallbacks.total() for limiter in pair]
    rest = 4 if fault is scripts_flushed else 8
    assert sum(through(pair, GRAVE, "a")) == rest
    assert [limiter.fallbacks.total() for limiter in pair] == told
