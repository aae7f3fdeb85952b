"""C6, C7: many workers, their schedulers and fifty callers of the cron endpoint at once.

Whoever claims a post, it goes out once, and each caller gets its answer in time.
``MUSEKIT_CHAOS_POSTS`` sets how many posts are due.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter

import httpx
import pytest
from crowd import open_posts
from tests.support.deployment import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

POSTS = int(os.environ.get("MUSEKIT_CHAOS_POSTS", "5000"))
WORKERS, CALLS, REPLAYS = 8, 50, 1000
CRON = "/api/social/cron/process-scheduled"
SECRET = "cron-" + "c" * 40
GOOD = {"Authorization": f"Bearer {SECRET}"}
BUDGET = 0.5  #: seconds that a call delivers; then it waits for what it has sent
QUICK = {
    "MUSEKIT_CRON_SECRET": SECRET,
    "PASSIVEPOST_CRON_BUDGET_SECONDS": str(BUDGET),
    "PASSIVEPOST_POLL_SECONDS": "1",
    "PASSIVEPOST_SEND_SLOTS": "20",  # so that the workers leave something to the callers
}


def test_workers_and_callers_at_once(play):
    """C6. Eight workers with a scheduler each, two web processes, and fifty calls at one moment."""
    texts = [f"post {n}" for n in range(POSTS)]
    with play(**QUICK) as scene:
        scene.faults({"fault": "slow", "seconds": 0.2})
        tokens = scene.connect(POSTS // 5)
        scene.ours.serve("--workers", "2")
        crew = [scene.ours.start("worker") for _ in range(WORKERS)]
        for worker in crew:
            wait_for(lambda worker=worker: "worker started" in worker.said, 60)
        scene.fill(tokens, texts)
        answers, took = asyncio.run(flood(scene.ours.url))
        wait_for(lambda: open_posts(scene.database) == 0, 180, lambda: crew[0].said, pause=0.3)
        assert [worker.popen.poll() for worker in crew] == [None] * WORKERS
        assert scene.once() == Counter(texts)
        assert len(scene.lines()) == POSTS
        outcomes = scene.outcomes()  # on a busy machine some were armed, and then it was too late
        assert (outcomes["confirmed"], set(outcomes) - {"not_sent"}) == (POSTS, {"confirmed"})
    assert {answer.status_code for answer in answers} == {200}
    by_cron = sum(answer.json()["posted"] for answer in answers)
    print(f"posts {POSTS}, by cron {by_cron}, slowest answer {max(took):.2f} s")
    assert 0 < by_cron < POSTS
    assert max(took) < 2.0


async def flood(url):
    """Call fifty times at once; return the answers, and what each took."""
    limits = httpx.Limits(max_connections=CALLS)
    async with httpx.AsyncClient(base_url=url, headers=GOOD, timeout=60, limits=limits) as client:
        await asyncio.gather(*(client.get("/healthz") for _ in range(CALLS)))  # connected

        async def call():
            began = time.monotonic()
            return await client.get(CRON), time.monotonic() - began

        found = await asyncio.gather(*(call() for _ in range(CALLS)))
    return [answer for answer, _ in found], [took for _, took in found]


def test_a_thousand_replays(play):
    """C7. Without the secret nothing goes out; with it, what went out does not go out again."""
    wrong = [
        {}, {"Authorization": f"Bearer {SECRET[:-1]}"}, {"Authorization": f"Bearer {SECRET}c"},
        {"Authorization": f"Bearer {SECRET * 50}"}, {"Authorization": f"Basic {SECRET}"},
    ]  # fmt: skip
    with play(**QUICK) as scene:
        scene.ours.serve()
        texts = [f"post {n}" for n in range(20)]
        scene.fill(scene.connect(20), texts)
        with httpx.Client(base_url=scene.ours.url, timeout=30) as client:
            refused = Counter(
                client.get(CRON, headers=wrong[n % len(wrong)]).status_code for n in range(REPLAYS)
            )
            assert refused == {401: REPLAYS}
            assert scene.lines() == []
            while client.get(CRON, headers=GOOD).json()["remaining"]:
                pass
            assert scene.once() == Counter(texts)
            for _ in range(REPLAYS):
                answer = client.get(CRON, headers=GOOD)
                assert answer.headers["cache-control"] == "no-store"
                assert answer.json() == {"claimed": 0, "posted": 0, "unconfirmed": 0,
                                         "remaining": 0}  # fmt: skip
        assert len(scene.lines()) == len(texts)
