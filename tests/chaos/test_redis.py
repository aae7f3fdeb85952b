"""C8: Redis is emptied and killed while posts are due, or is never there; none is lost or twice.

Redis carries the doorbell only. With every bell lost, a worker finds what is due when it looks by
itself. The worker is a `musekit worker` process; the judge is the network's ledger.
"""

from __future__ import annotations

import base64
import secrets
import time
from datetime import UTC, datetime

import pytest
from crowd import count_down, fill, network, open_posts, sandbox_settings
from tests.support.deployment import deployed, wait_for
from tests.support.redis_server import redis_server

from musekit.kernel.crypto.keyring import KeyRing
from musekit.kernel.database.session import Database
from musekit.kernel.queue.broker import Broker

POLL = 4.0  #: the worker's longest sleep, in seconds
SLACK = 5.0  #: what a busy machine may add to it
LEAD = 0.5  #: shorter than the sleep: some posts come due while the worker does not look


@pytest.fixture
def store(tmp_path):
    with redis_server(tmp_path) as made:
        yield made


FULL = [pytest.mark.chaos, pytest.mark.timeout(900)]


@pytest.mark.parametrize("redis_is", ["emptied and killed", "absent"])
@pytest.mark.parametrize(
    ("posts", "span", "workers"),
    [pytest.param(60, 5.0, 1, id="quick"), pytest.param(5000, 90.0, 4, id="full", marks=FULL)],
)
def test_posts_go_out_without_redis(
    redis_is, posts, span, workers, backend, store, request, tmp_path, monkeypatch
):
    key = "test:" + base64.b64encode(secrets.token_bytes(32)).decode()
    monkeypatch.setenv("SOCIAL_ENCRYPTION_KEY", key)
    postgres = request.getfixturevalue("postgres_admin_url") if backend == "postgres" else ""
    absent = redis_is == "absent"
    if not absent:
        store.start()
    with network(tmp_path / "network") as ledger:
        given = sandbox_settings(key, ledger.base_url) | {"PASSIVEPOST_POLL_SECONDS": str(POLL)}
        with deployed(tmp_path / "ours", postgres=postgres, redis=store.url, **given) as ours:
            settings = ours.urls.settings(
                tmp_path / "ours" / "data", queue_backend="redis", redis_url=store.url,
                queue_name=ours.environment["MUSEKIT_QUEUE_NAME"],
            )  # fmt: skip
            database, broker = Database(settings), Broker(settings)
            tokens = ledger.post("/accounts", json={"count": posts // 3}).json()["items"]
            fill(database, KeyRing.from_settings(settings), tokens, posts, span, lead=LEAD)
            crew = [ours.worker() for _ in range(workers)]
            time.sleep(POLL / 2)  # they have looked, found nothing, and sleep
            due = count_down(database)
            ring(broker, store, due, absent=absent)
            disturb(store, span, absent=absent)
            wait_for(lambda: open_posts(database) == 0, 90, lambda: crew[0].said, pause=0.2)
            if not absent:
                comes_back(store, broker)
            assert [worker.popen.poll() for worker in crew] == [None] * workers
            broker.close()
            database.close()
        lines = ledger.get("/ledger", params={"kind": "post", "accepted": "1"}).json()["items"]
        summary = ledger.get("/ledger/summary").json()
    judge(lines, summary, due)


def ring(broker, store, due, *, absent):
    """Ring for each post at the time it is due; those bells are what gets lost."""
    now = datetime.now(UTC)
    for each in due.values():
        kept = broker.enqueue("social-post", delay=max(1.0, (each - now).total_seconds()))
        assert kept is not absent
    assert absent or store.client.dbsize() > 0


def disturb(store, span, *, absent):
    """Empty Redis again and again for half of the time, then end it."""
    half = time.monotonic() + LEAD + span / 2
    while not absent and time.monotonic() < half:
        store.client.flushall()
        time.sleep(0.2)
    store.kill()
    time.sleep(max(0.0, half + span / 2 - time.monotonic()))


def comes_back(store, broker):
    """Start Redis again: the workers hear the bell, without a hand."""
    store.start()
    wait_for(lambda: broker.enqueue("social-post"), 20)
    wait_for(lambda: broker.depth() == 0, 40)


def judge(lines, summary, due):
    """Each post stands in the network's ledger once, and at its time."""
    assert (summary["duplicate_keys"], summary["duplicate_texts"]) == ({}, [])
    assert sorted(line["text"] for line in lines) == sorted(due)
    late = [line["at"] - due[line["text"]].timestamp() for line in lines]
    print(f"{len(late):,} posts: earliest {min(late):+.3f} s, latest {max(late):.3f} s")
    assert min(late) >= 0
    assert max(late) <= POLL + SLACK
