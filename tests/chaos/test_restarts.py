"""C9: PostgreSQL ends and comes back under load; nothing twice, nothing lost, no hand needed."""

from __future__ import annotations

import os
import random
import time

import pytest
import world
from restartable import server

from musekit.testing import databases
from musekit.testing.servers import ServerMissingError

QUICK = {
    "lease_margin_seconds": 4.0, "arm_safety": 1.0, "arm_fresh": 1.0, "sweep_seconds": 0.3,
    "send_slots": 16,
}  # fmt: skip
DECLARED = {"longest_call": 1.0}
FULL = [pytest.mark.chaos, pytest.mark.timeout(900)]


@pytest.fixture
def database():
    try:
        with server() as made:
            yield made
    except ServerMissingError as error:
        pytest.skip(str(error))


@pytest.fixture
def settings(database, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    return databases.provision(database.url, "musekit_chaos").settings(data)


def _tell(host, network, ids):
    """Return the counts of a run as one line, after asking that they are right."""
    assert max(network.keys().values()) == 1, world.story(host, network)
    accepted = {key.split(":")[0] for key, *_ in network.accepted}
    states = world.states(host)
    lost = [s for s in states if str(s.publish_key) not in accepted and s.review != "unconfirmed"]
    assert lost == []
    unconfirmed = sum(s.review == "unconfirmed" for s in states)
    return f"posts {len(ids)}, dup 0, lost 0, unconfirmed {unconfirmed}"


@pytest.mark.parametrize(
    ("posts", "restarts"),
    [pytest.param(150, 2, marks=pytest.mark.slow), pytest.param(5000, 20, marks=FULL)],
)
@pytest.mark.parametrize("how", ["fast", "immediate", "kill"])
def test_restarted_under_load(how, posts, restarts, database, host, network, workers, until):
    """Two workers go on by themselves; what a network accepted meanwhile comes from the spool."""
    restarts = int(os.environ.get("MUSEKIT_CHAOS_RESTARTS", restarts))
    posts = int(os.environ.get("MUSEKIT_CHAOS_POSTS", posts)) if posts > 1000 else posts
    world.install(host, world.platform(network.port, **DECLARED), **QUICK)
    network.delay = 0.02
    ids = world.posts(host, world.accounts(host, 100), posts)
    pair = [workers.start(declared=DECLARED, **QUICK) for _ in range(2)]
    for worker in pair:
        worker.stdout.readline()
    dice = random.Random(9)
    for _ in range(restarts):
        seen = len(network.accepted)
        until(lambda seen=seen: len(network.accepted) > seen or len(network.accepted) >= posts)
        time.sleep(dice.uniform(0.0, 0.3))
        database.stop(how)
        time.sleep(dice.uniform(0.0, 1.0))
        database.start()
        host.database.system.dispose()
        if set(world.statuses(host)) == {"posted"}:
            ids += world.posts(host, world.accounts(host, 50), 200, body=f"more {len(ids)} {{n}}")
            posts = len(ids)
    until(lambda: world.statuses(host) == {"posted": len(ids)}, 120)
    print(f"{how} ×{restarts}: {_tell(host, network, ids)}")
    assert [worker.poll() for worker in pair] == [None, None]
