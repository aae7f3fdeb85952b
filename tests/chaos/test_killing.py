"""C1, C3: workers killed at random while posts are due; the network's ledger decides."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest
import world

KILLS = int(os.environ.get("MUSEKIT_CHAOS_KILLS", "100"))
POSTS = int(os.environ.get("MUSEKIT_CHAOS_POSTS", "2000"))
FULL = [pytest.mark.chaos, pytest.mark.timeout(1800)]
QUICK = {
    "lease_margin_seconds": 1.5,
    "arm_safety": 0.2,
    "arm_fresh": 0.2,
    "sweep_seconds": 0.3,
    "send_slots": 8,
}


@pytest.mark.parametrize(
    ("kills", "posts"),
    [pytest.param(2, 100, id="quick"), pytest.param(KILLS, POSTS, id="full", marks=FULL)],
)
@pytest.mark.parametrize("read_back", ["yes", "no"])
def test_kill_nine(read_back, kills, posts, host, network, workers, until):
    """Two workers at a time; one is killed every fraction of a second."""
    declared = {"longest_call": 1.0, "read_back": read_back}
    world.install(host, world.platform(network.port, **declared), **QUICK)
    network.delay = 0.02
    ids = world.posts(host, world.accounts(host, 100), posts)
    pair = [workers.start(declared=declared, **QUICK) for _ in range(2)]
    rng = random.Random(7)
    for done in range(kills):
        worker = pair[done % 2]
        worker.stdout.readline()  # it is ready; before that a kill proves nothing
        time.sleep(rng.uniform(0.05, 1.2))
        workers.end(worker, signal.SIGKILL)
        pair[done % 2] = workers.start(declared=declared, **QUICK)
        if set(world.statuses(host)) <= {"posted", "posting"} and not world.in_flight(host):
            ids += world.posts(host, world.accounts(host, 20), 100, body=f"more {done} {{n}}")

    def settled():
        counts = world.statuses(host)
        if read_back == "yes":
            return counts == {"posted": len(ids)}
        return set(counts) <= {"posted", "posting"} and not world.in_flight(host)

    until(settled, 240)
    assert max(network.keys().values()) == 1, "published twice"
    counts = world.statuses(host)
    accepted = {key.split(":")[0] for key, *_ in network.accepted}
    states = world.states(host)
    lost = [s for s in states if str(s.publish_key) not in accepted and s.review != "unconfirmed"]
    assert lost == [], [world.attempts(host, each.post_id)[-1].__dict__ for each in lost]
    assert counts["posting"] == sum(s.review == "unconfirmed" for s in states)
    print(f"posts {len(ids)}, kills {kills}, dup 0, lost 0, unconfirmed {counts['posting']}")
