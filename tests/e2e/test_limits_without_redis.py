"""Redis is stopped while three web processes serve, and comes back: each policy does as declared.

Reads go on, counted by each process; sign-ins and resets are counted in the database, for all
processes together, and half as many are let through; the clock's calls are not limited at all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.deployment import Deployment, Person, deployed, wait_for
from tests.support.redis_server import Redis, redis_server

from musekit.kernel.ratelimit.policies import RESET_MAILBOX, SIGN_IN_PAIR
from musekit.testing.servers import free_port

CRON, METRICS = "cron-" + "c" * 40, "metrics-" + "m" * 40
READS, PAIR, MAILBOX = 30, SIGN_IN_PAIR.hits, RESET_MAILBOX.hits
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Redis]:
    with redis_server(tmp_path) as made:
        made.start()
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
def deployment(
    request: pytest.FixtureRequest, tmp_path: Path, store: Redis
) -> Iterator[Deployment]:
    postgres = request.getfixturevalue("postgres_admin_url") if request.param == "postgres" else ""
    rates = {
        "READS": f"{READS}/3600", "SIGN_IN_PAIR": f"{PAIR}/3600",
        "RESET_MAILBOX": f"{MAILBOX}/3600",
    }  # fmt: skip
    with deployed(
        tmp_path / "ours", postgres=postgres, MUSEKIT_REDIS_URL=store.url,
        MUSEKIT_LIMIT_WAIT_SECONDS="1",
        MUSEKIT_CRON_SECRET=CRON, MUSEKIT_METRICS_SECRET=METRICS,
        **{f"MUSEKIT_LIMIT_{name}": rate for name, rate in rates.items()},
    ) as made:  # fmt: skip
        yield made


@dataclass
class Web:
    """The web processes, asked in turns, each over connections that stay."""

    urls: list[str]
    clients: list[httpx.Client] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clients = [httpx.Client(base_url=url, timeout=20) for url in self.urls]

    def each(
        self, tries: int, method: str, path: str, **more: object
    ) -> list[list[httpx.Response]]:
        """Send a request so often to each process, by turns."""
        found: list[list[httpx.Response]] = [[] for _ in self.clients]
        for _ in range(tries):
            for which, client in enumerate(self.clients):
                found[which].append(client.request(method, path, **more))  # type: ignore[arg-type]
        return found

    def fallbacks(self) -> list[float]:
        """How often each process has counted without Redis."""
        told = self.each(1, "GET", "/metrics", headers={"Authorization": f"Bearer {METRICS}"})
        return [
            sum(
                sample.value
                for family in text_string_to_metric_families(answer.text)
                for sample in family.samples
                if sample.name == "musekit_limiter_fallbacks_total"
            )
            for [answer] in told
        ]


@pytest.fixture
def web(deployment: Deployment) -> Iterator[Web]:
    ports = [deployment.port, free_port(), free_port()]
    deployment.serve()
    for port in ports[1:]:
        deployment.start("serve", "--port", str(port))
    made = Web([f"http://127.0.0.1:{port}" for port in ports])

    def up() -> bool:
        try:
            return all(client.get("/healthz").status_code == 200 for client in made.clients)
        except httpx.TransportError:
            return False

    wait_for(up, 30, lambda: deployment.running[-1].said)
    yield made
    for client in made.clients:
        client.close()


def passed(answers: list[list[httpx.Response]]) -> list[int]:
    """How many each process let through; all others were refused as they should be."""
    refused = [each for part in answers for each in part if each.status_code == 429]
    for answer in refused:
        assert 1 <= int(answer.headers["retry-after"]) <= 7200
        assert answer.json()["code"] == "limit-reached"
    assert {each.status_code for part in answers for each in part} <= {200, 202, 204, 401, 429}
    return [sum(each.status_code != 429 for each in part) for part in answers]


def reads(web: Web, person: Person) -> list[list[httpx.Response]]:
    bearer = {"Authorization": f"Bearer {person.token}"}
    return web.each(READS + 5, "GET", "/api/auth/me", headers=bearer)


def guesses(web: Web, email: str) -> list[list[httpx.Response]]:
    body = {"email": email, "password": "not the password of anybody"}
    return web.each(PAIR, "POST", "/api/auth/sign-in", json=body, headers=SAME_SITE)


def resets(web: Web, email: str) -> list[list[httpx.Response]]:
    return web.each(MAILBOX, "POST", "/api/auth/forgot", json={"email": email}, headers=SAME_SITE)


def test_redis_is_stopped_and_comes_back(deployment: Deployment, web: Web, store: Redis) -> None:
    before, during, after = (deployment.sign_up() for _ in range(3))

    # Redis counts for all processes together, and headers tell the same count.
    told = reads(web, before)
    assert sum(passed(told)) == READS
    left = [int(each.headers["ratelimit-remaining"]) for turn in zip(*told) for each in turn]
    assert left[:READS] == list(range(READS - 1, -1, -1))
    assert told[0][0].headers["ratelimit-policy"] == f"{READS};w=3600"
    assert sum(passed(guesses(web, before.email))) == PAIR
    assert sum(passed(resets(web, before.email))) == MAILBOX
    assert web.fallbacks() == [0, 0, 0]

    store.kill()
    start = time.monotonic()
    assert passed(reads(web, during)) == [READS] * 3  # by each process, none over its window
    assert sum(passed(guesses(web, during.email))) == SIGN_IN_PAIR.strict_hits
    assert sum(passed(resets(web, during.email))) == RESET_MAILBOX.strict_hits
    cron = {"Authorization": f"Bearer {CRON}"}
    called = web.each(20, "GET", "/api/cron/work", headers=cron)
    assert {each.status_code for part in called for each in part} == {200}
    assert not any("ratelimit-limit" in each.headers for part in called for each in part)
    assert time.monotonic() - start < 60
    assert min(web.fallbacks()) > READS
    [[ready], *_] = web.each(1, "GET", "/readyz")
    assert (ready.status_code, ready.json()["checks"]["rate limits"]) == (200, "warn")

    store.start()
    time.sleep(1.2)  # for a second each process does not ask what has failed
    known = web.fallbacks()
    assert sum(passed(reads(web, after))) == READS
    assert sum(passed(guesses(web, after.email))) == PAIR
    assert sum(passed(resets(web, after.email))) == MAILBOX
    assert web.fallbacks() == known
