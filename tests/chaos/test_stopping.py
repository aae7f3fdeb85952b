"""C17: told to stop with a hundred calls in flight, a worker ends in time and nothing is lost.

Calls that end within the drain are recorded; those that do not are cut, and what they did is
looked for by the next worker. ``MUSEKIT_CHAOS_CALL`` is the length of the long calls, in seconds.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

import pytest
from crowd import SYSTEM
from sqlalchemy import func, select
from tests.support.deployment import wait_for

from passivepost.publishing.models import PublishAttempt, PublishState

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

SLOTS, POSTS = 100, 300
LONG = float(os.environ.get("MUSEKIT_CHAOS_CALL", "300"))
GRACE = 5.0  #: seconds a worker may take beyond its drain, on a busy machine
TERM, INT = signal.SIGTERM, signal.SIGINT
#: Signals, the drain, the length of a call, and whether calls under way are finished.
CASES = {
    "SIGTERM, calls shorter than the drain": ([TERM], 30.0, 20.0, True),
    "SIGTERM, calls longer than the drain": ([TERM], 30.0, 40.0, False),
    "SIGTERM, long calls and a long drain": ([TERM], LONG + 30, LONG, True),
    "SIGINT": ([INT], 30.0, 20.0, True),
    "SIGTERM twice": ([TERM, TERM], 30.0, 20.0, False),
    "SIGINT, then SIGTERM": ([INT, TERM], 30.0, 20.0, False),
}


@pytest.mark.parametrize("case", CASES)
def test_told_to_stop(case, play):
    signals, drain, call, finished = CASES[case]
    texts = [f"post {n}" for n in range(POSTS)]
    given = {
        "MUSEKIT_WORKER_DRAIN_SECONDS": str(drain),
        "PASSIVEPOST_SEND_SLOTS": str(SLOTS),
        "PASSIVEPOST_PLATFORM_SANDBOX_LONGEST_CALL_SECONDS": str(call + 10),
        # What a killed worker left is looked for when its call has certainly ended.
        "PASSIVEPOST_LEASE_MARGIN_SECONDS": "15",
        "PASSIVEPOST_SWEEP_SECONDS": "1",
        "PASSIVEPOST_RECONCILE_SECONDS": f"[2, {call + 5}]",
    }
    with play(**given) as scene:
        # A rule about texts lets the network read what it is sent at once: it carries it out in
        # the end, whoever still listens.
        scene.faults({"fault": "slow", "seconds": call, "text": "post"})
        scene.fill(scene.connect(POSTS), texts)
        worker = scene.ours.worker()
        wait_for(lambda: in_flight(scene) == SLOTS, 30, lambda: worker.said)
        time.sleep(1)
        began = time.monotonic()
        for each in signals:
            worker.popen.send_signal(each)
            time.sleep(0.5)
        status = worker.popen.wait(drain + GRACE)
        took = time.monotonic() - began
        assert status == 0, worker.said
        told = Counter(status for _, status, *_ in scene.states())
        if finished:  # what was armed is recorded, and what was not is in nobody's hands
            assert told["posted"] == SLOTS == sum(scene.once().values())
            assert (told["posting"], leases(scene)) == (0, 0)
        else:
            assert told["posted"] == 0
            assert took < (drain if len(signals) == 1 else 0) + GRACE
        scene.faults()
        scene.ours.worker()
        scene.settle(call + 90)
        assert scene.once() == Counter(texts)
        assert Counter(status for _, status, *_ in scene.states()) == {"posted": POSTS}
        outcomes = scene.outcomes()
        assert outcomes["reconciled_live"] == (0 if finished else SLOTS)
    print(f"{case}: ended after {took:.1f} s of {drain:g} s, told {dict(told)}, dup 0, lost 0")


def in_flight(scene):
    """Return how many calls are under way: armed, and nothing known of them yet."""
    counted = select(func.count()).where(PublishAttempt.outcome.is_(None))
    with scene.database.session(SYSTEM, readonly=True) as session:
        return session.scalar(counted)


def leases(scene):
    counted = select(func.count()).where(PublishState.lease_until.is_not(None))
    with scene.database.session(SYSTEM, readonly=True) as session:
        return session.scalar(counted)
