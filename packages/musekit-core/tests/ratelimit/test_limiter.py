"""Which store counts: by policy, with and without Redis, and while it is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from tests.support.cutting import cutting_proxy

from musekit.declarations import RateLimit
from musekit.errors import ConfigurationError, LimitReachedError
from musekit.kernel.actors import Actor
from musekit.kernel.database.session import Database
from musekit.kernel.ratelimit import Limiter, RateCounter, policies
from musekit.kernel.ratelimit.redis_store import PAUSE
from musekit.kernel.ratelimit.settings import LimitSettings
from musekit.kernel.settings import CoreSettings
from musekit.testing.servers import free_port

LIGHT = RateLimit(name="light", hits=6, seconds=3600)
GRAVE = RateLimit(name="grave", hits=6, seconds=3600, away="database", strict_hits=3)
LOOSE = RateLimit(name="loose", hits=6, seconds=3600, away="open")


def with_redis(settings: CoreSettings, url: str) -> CoreSettings:
    name = f"tests_{uuid4().hex}"
    return settings.model_copy(
        update={"redis_url": url, "queue_name": name, "limit_wait_seconds": 0.5}
    )


def through(limiter: Limiter, policy: RateLimit, scope: str = "a", tries: int = 10) -> int:
    """How many of some requests are let through: every second from a thread's side."""

    async def ask() -> bool:
        return (await limiter.ask(policy, scope)).allowed

    def hit() -> bool:
        try:
            return limiter.hit(policy, scope).allowed
        except LimitReachedError:
            return False

    with asyncio.Runner() as runner:
        return sum(runner.run(ask()) if n % 2 else hit() for n in range(tries))


def stored(database: Database) -> int:
    with database.session(Actor.system("tests"), readonly=True) as session:
        return session.scalar(select(func.coalesce(func.sum(RateCounter.hits), 0))) or 0


@pytest.fixture
def away(settings: CoreSettings, database: Database) -> Iterator[Limiter]:
    """A limiter whose Redis refuses connections."""
    limiter = Limiter(with_redis(settings, f"redis://127.0.0.1:{free_port()}/0"), database)
    yield limiter
    limiter.close()


def test_without_redis_memory_counts_and_the_database_where_it_guards(settings, database) -> None:
    limiter = Limiter(settings, database)
    assert [through(limiter, each) for each in (LIGHT, GRAVE, LOOSE)] == [6, 6, 6]
    assert stored(database) == 6
    assert not limiter.fallbacks


def test_with_redis_all_processes_count_together(settings, database, redis_url) -> None:
    shared = with_redis(settings, redis_url)
    one, other = Limiter(shared, database), Limiter(shared, database)
    for policy in (LIGHT, GRAVE, LOOSE):
        assert through(one, policy, tries=4) + through(other, policy, tries=8) == 6
    assert stored(database) == 0
    assert not one.fallbacks
    one.close()
    other.close()


def test_while_redis_is_away_each_policy_does_as_it_says(away, database) -> None:
    assert through(away, LIGHT) == 6
    assert through(away, GRAVE) == 3
    assert through(away, LOOSE) == 10
    assert stored(database) == 3
    assert away.fallbacks == {"light": 10, "grave": 10, "loose": 10}
    assert away.is_away


def test_a_redis_that_is_away_costs_no_request_its_time(away) -> None:
    through(away, LIGHT, tries=1)
    start = time.perf_counter()
    for n in range(200):
        away.hit(LIGHT, f"scope-{n}")
    assert time.perf_counter() - start < 0.5 * PAUSE


def test_it_is_asked_again_when_it_is_back(settings, database, redis_url) -> None:
    with cutting_proxy(int(redis_url.rsplit(":", 1)[1].partition("/")[0])) as proxy:
        limiter = Limiter(with_redis(settings, f"redis://127.0.0.1:{proxy.port}/0"), database)
        assert through(limiter, GRAVE, tries=2) == 2
        proxy.cut = 10**6
        assert through(limiter, GRAVE) == 3
        proxy.cut = 0
        time.sleep(PAUSE + 0.1)
        before = sum(limiter.fallbacks.values())
        assert through(limiter, GRAVE) < 6  # it remembers what it counted before
        assert sum(limiter.fallbacks.values()) == before
        limiter.close()


def test_a_store_that_answers_nonsense_is_away(settings, database, redis_url) -> None:
    import redis

    shared = with_redis(settings, redis_url)
    with redis.Redis.from_url(redis_url) as client:
        client.set(f"{shared.queue_name}:limit:grave:a", "of another kind", ex=60)
    limiter = Limiter(shared, database)
    assert through(limiter, GRAVE, tries=5) == 3
    assert limiter.fallbacks["grave"] == 5
    limiter.close()


@pytest.mark.parametrize("with_store", [False, True])
def test_forgetting_gives_the_tries_back(settings, database, redis_url, with_store) -> None:
    limiter = Limiter(with_redis(settings, redis_url) if with_store else settings, database)
    for policy in (LIGHT, GRAVE):
        assert through(limiter, policy) == 6
        limiter.forget(policy, "a")
        assert through(limiter, policy) == 6
    limiter.close()


def test_rates_are_settings(settings, monkeypatch) -> None:
    monkeypatch.setenv("MUSEKIT_LIMIT_READS", "3/3600")
    monkeypatch.setenv("MUSEKIT_LIMIT_SIGN_IN_PAIR", "4/3600")
    rates = LimitSettings()
    limiter = Limiter(settings)
    limiter.configure(rates)
    assert through(limiter, policies.READS) == 3
    assert rates.of(policies.SIGN_IN_PAIR).strict_hits == 2
    for wrong in ("0/60", "ten/60", "5", "5/0", "-1/60"):
        monkeypatch.setenv("MUSEKIT_LIMIT_READS", wrong)
        with pytest.raises(ValueError, match="reads"):
            LimitSettings()


def test_policies_of_plugins_are_set_alike(settings, monkeypatch) -> None:
    monkeypatch.setenv("MUSEKIT_LIMIT_LIGHT_TOUCH", "2/3600")
    ours = RateLimit(name="light-touch", hits=6, seconds=60, away="database", strict_hits=3)
    assert LimitSettings().of(ours) == replace(ours, hits=2, seconds=3600, strict_hits=1)
    assert LimitSettings().of(LIGHT) == LIGHT
    monkeypatch.setenv("MUSEKIT_LIMIT_LIGHT_TOUCH", "often")
    with pytest.raises(ConfigurationError, match="MUSEKIT_LIMIT_LIGHT_TOUCH"):
        LimitSettings().of(ours)


def test_every_policy_of_the_core_has_its_setting() -> None:
    rates = LimitSettings()
    assert {policy.name.replace("-", "_") for policy in policies.POLICIES} == set(
        LimitSettings.model_fields
    )
    assert all(rates.of(policy) == policy for policy in policies.POLICIES)
