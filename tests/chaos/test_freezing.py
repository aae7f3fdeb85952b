"""C5: a worker stands still for longer than its lease, then goes on as if nothing had been.

What it armed before is another's to judge by then: it must send nothing late, and what it had sent
is evidence. The gap that is left, between the last look at the clock and the write, is documented.
"""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress

import pytest
import world
from sqlalchemy.exc import OperationalError

CHAOS = [pytest.mark.chaos, pytest.mark.timeout(900)]
#: A lease of 2.1 s; what is armed is sent within 0.3 s or not at all, as 2 s of 130 in earnest.
QUICK = {
    "lease_margin_seconds": 1.5, "arm_safety": 0.4, "arm_fresh": 0.3, "sweep_seconds": 0.2,
    "reconcile_seconds": [0.2, 0.5, 1.0], "send_slots": 8,
}  # fmt: skip
DECLARED = {"longest_call": 0.6}
STILL = 3 * 2.1
POINTS = (
    "promote.before_commit", "claim.before_commit", "claim.after_commit", "prepare",
    "arm.before_commit", "arm.after_commit", "send.before", "send.after", "record.before_commit",
    "record.after_commit", "sweep.before_commit", "reconcile.before_commit",
)  # fmt: skip


@pytest.mark.chaos
@pytest.mark.timeout(120)
@pytest.mark.parametrize("point", POINTS)
def test_stopped_at(point, host, network, workers, until):
    """One worker stops at the point for three leases, with another at work; then it goes on."""
    body = "fault=500-after {n}" if point.startswith("reconcile") else "post {n}"
    world.install(host, world.platform(network.port, **DECLARED), **QUICK)
    ids = world.posts(host, world.accounts(host, 12), 24, body=body)
    if point.startswith("sweep"):
        dead = workers.start(crash="send.after", declared=DECLARED, **QUICK)
        dead.wait(30)
        workers.running.remove(dead)
        time.sleep(2.2)
    slow = workers.start(crash=point, freeze=True, declared=DECLARED, **QUICK)
    until(lambda: workers.frozen(slow), 30)
    workers.start(declared=DECLARED, **QUICK)
    time.sleep(STILL)
    slow.send_signal(signal.SIGCONT)
    until(lambda: world.statuses(host) == {"posted": len(ids)}, 60)
    time.sleep(0.5)  # whatever the slow one still does
    assert max(network.keys().values()) == 1, world.story(host, network)
    assert len(network.accepted) == len(ids)


@pytest.mark.parametrize("freezes", [pytest.param(200, marks=CHAOS)])
def test_stopped_anywhere(freezes, host, network, workers, until):
    """Of five workers, four stand still at any moment, each for three leases."""
    freezes = int(os.environ.get("MUSEKIT_CHAOS_FREEZES", freezes))
    world.install(host, world.platform(network.port, **DECLARED), **QUICK)
    network.delay = 0.05
    owners = world.accounts(host, 60)
    ids = world.posts(host, owners, 600)
    crew = [workers.start(declared=DECLARED, **QUICK) for _ in range(5)]
    for worker in crew:
        worker.stdout.readline()
    dice, still, done = random.Random(5), [], 0
    while done < freezes or still:
        now = time.monotonic()
        for worker in [w for w, until_ in still if until_ <= now]:
            worker.send_signal(signal.SIGCONT)
            done += 1
        still = [(w, t) for w, t in still if t > now]
        awake = [w for w in crew if w not in [s for s, _ in still]]
        if len(still) < 4 and done + len(still) < freezes:
            chosen = dice.choice(awake)
            chosen.send_signal(signal.SIGSTOP)
            still.append((chosen, now + STILL))
        if set(world.statuses(host)) == {"posted"}:
            with suppress(OperationalError):  # who stands still may hold SQLite's one lock
                ids += world.posts(host, owners, 300, body=f"more {len(ids)} {{n}}")
        time.sleep(dice.uniform(0.02, 0.2))
    until(lambda: world.statuses(host) == {"posted": len(ids)}, 90)
    assert max(network.keys().values()) == 1, world.story(host, network)
    assert len(network.accepted) == len(ids)
    print(f"posts {len(ids)}, freezes {done}, dup 0, lost 0")
