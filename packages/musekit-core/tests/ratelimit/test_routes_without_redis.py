"""Routes of each policy, asked over HTTP while Redis is stopped and when it is back."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from tests.support.redis_server import Redis, redis_server

from musekit.kernel.actors import Actor
from musekit.kernel.app import create_app
from musekit.kernel.build import build_host
from musekit.kernel.ratelimit import policies
from musekit.kernel.ratelimit.redis_store import PAUSE
from musekit.kernel.ratelimit.settings import LimitSettings
from musekit.kernel.settings import CoreSettings
from musekit.kernel.web.access import public

HITS = 6
SMALL = LimitSettings(**dict.fromkeys(LimitSettings.model_fields, f"{HITS}/3600"))


def routes() -> APIRouter:
    """A route of each policy: ``/limited/sign-up`` and its like."""
    router = APIRouter()
    for policy in policies.POLICIES:

        def answer(actor: Annotated[Actor | None, public(limit=policy)]) -> str:
            return "done"

        router.get(f"/limited/{policy.name}")(answer)
    return router


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Redis]:
    with redis_server(tmp_path) as made:
        made.start()
        yield made


@pytest.fixture
def clients(settings: CoreSettings, store: Redis) -> Iterator[list[TestClient]]:
    """Two applications on one database and one Redis, as two web processes are."""
    given = settings.model_copy(
        update={
            "redis_url": store.url,
            "queue_name": f"tests_{uuid4().hex}",
            "limit_wait_seconds": 0.5,
        }
    )
    hosts = [build_host(given, plugins=["musekit"], strict=True) for _ in range(2)]
    made = []
    for host in hosts:
        host.limits.configure(SMALL)
        app = create_app(host)
        app.include_router(routes())
        made.append(TestClient(app).__enter__())
    yield made
    for client in made:
        client.__exit__(None, None, None)
    for host in hosts:
        host.close()


def passed(clients: list[TestClient], name: str) -> list[int]:
    """Ask each so often by turns; return how many each let through, and look at the refusals."""
    through = [0] * len(clients)
    for _ in range(HITS + 2):
        for which, client in enumerate(clients):
            answer = client.get(f"/limited/{name}")
            through[which] += answer.status_code == 200
            if answer.status_code != 200:
                assert answer.status_code == 429
                assert 1 <= int(answer.headers["retry-after"]) <= 7200
            assert "ratelimit-remaining" in answer.headers
    return through


def test_each_route_does_as_its_policy_says(clients: list[TestClient], store: Redis) -> None:
    for policy in policies.POLICIES:
        assert sum(passed(clients, policy.name)) == HITS, policy.name
    store.kill()
    for policy in policies.POLICIES:
        through = passed(clients, policy.name)
        if policy.away == "database":
            assert sum(through) == SMALL.of(policy).strict_hits, policy.name
            assert sum(through) <= HITS // 2, policy.name
        else:
            assert through == [HITS, HITS], policy.name
    store.start()  # it has forgotten all
    time.sleep(PAUSE + 0.1)
    for policy in policies.POLICIES:
        assert sum(passed(clients, policy.name)) == HITS, policy.name
