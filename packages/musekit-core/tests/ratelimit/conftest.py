"""The three stores, each as one way to try: (scope, limit, window, moment) → verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from musekit.errors import LimitReachedError
from musekit.kernel.actors import Actor
from musekit.kernel.database.session import Database
from musekit.kernel.ratelimit import MemoryStore, hit
from musekit.kernel.settings import CoreSettings

Try = Callable[[str, int, int, float], None]


@pytest.fixture
def database(settings: CoreSettings) -> Iterator[Database]:
    made = Database(settings)
    yield made
    made.close()


@pytest.fixture(params=["database", "memory", "redis"])
def attempt(request: pytest.FixtureRequest, database: Database) -> Iterator[Try]:
    """Count one try; raises `LimitReachedError` when it is refused."""
    if request.param == "memory":
        memory = MemoryStore()
        yield lambda scope, limit, window, now: memory.hit(scope, limit, window, now=now).demand()
    elif request.param == "redis":
        from musekit.kernel.ratelimit.redis_store import RedisStore

        shared = RedisStore(request.getfixturevalue("redis_url"), f"tests-{uuid4().hex}", 2.0)
        yield lambda scope, limit, window, now: shared.hit(scope, limit, window, now=now).demand()
        shared.close()
    else:

        def durable(scope: str, limit: int, window: int, now: float) -> None:
            with database.session(Actor.system("tests")) as session:
                hit(session, scope, limit, window, now=now)

        yield durable


@pytest.fixture
def passed(attempt: Try) -> Callable[..., bool]:
    """Say whether one try is let through."""

    def tried(scope: str, limit: int, window: int, now: float) -> bool:
        try:
            attempt(scope, limit, window, now)
        except LimitReachedError:
            return False
        return True

    return tried
