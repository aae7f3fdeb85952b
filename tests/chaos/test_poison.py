"""C20: a post that harms every worker that prepares it is set aside; its neighbours go out.

``MUSEKIT_CHAOS_NEIGHBOURS`` sets how many these are, ``MUSEKIT_CHAOS_BUSY`` for how many seconds
a post that stands still does so.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

import pytest
import world
from crowd import open_posts
from tests.support.deployment import wait_for
from toxic import ToxicPlatform

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

NEIGHBOURS = int(os.environ.get("MUSEKIT_CHAOS_NEIGHBOURS", "500"))
CREW = 4
QUICK = {
    "lease_margin_seconds": 1.5, "arm_safety": 0.2, "arm_fresh": 0.2, "sweep_seconds": 0.3,
    "send_slots": 8,
}  # fmt: skip
DECLARED = {"longest_call": 1.0}
LEASE = QUICK["lease_margin_seconds"] + DECLARED["longest_call"]
#: How a kind ends, and the status of the workers it ended: at first it is one among many in their
#: hands, then it is suspected, then it is alone.
KINDS = {
    "exit": ("poison", [13, 13, 13]),
    "segfault": ("poison", [-signal.SIGSEGV] * 3),
    "memory": ("retries", []),
    "busy": ("poison", []),
}


@pytest.mark.parametrize("kind", KINDS)
def test_poison_is_set_aside(kind, host, network, workers):
    """A supervisor starts again what ends. What lay in the same hands waits for a lease to end."""
    failure, ends = KINDS[kind]
    world.install(host, ToxicPlatform(network.port, **DECLARED), **QUICK)
    owners = world.accounts(host, NEIGHBOURS + 1)
    crew = [start(workers) for _ in range(CREW)]
    for worker in crew:
        worker.stdout.readline()
    begun = time.time()
    bad = world.posts(host, owners[:1], 1, body=f"poison {kind}", due=0)[0]
    world.posts(host, owners[1:], NEIGHBOURS, due=0)
    ended = []
    while world.statuses(host) != {"failed": 1, "posted": NEIGHBOURS}:
        assert time.time() < begun + 90, world.statuses(host)
        for n, worker in enumerate(crew):
            if worker.poll() is not None:
                ended.append(worker.returncode)
                workers.end(worker)
                crew[n] = start(workers)
        time.sleep(0.05)
    ended += [worker.returncode for worker in crew if worker.poll() is not None]
    assert ended == ends
    assert world.state(host, bad)[0].failure_kind == failure
    assert network.keys() == Counter(dict.fromkeys(network.keys(), 1)), world.story(host, network)
    late = sorted(at - begun for at, *_ in network.requests)
    assert len(late) == len(network.accepted) == NEIGHBOURS
    middle, last = late[len(late) // 2], late[-1]
    print(f"{kind}: {NEIGHBOURS} neighbours, p50 {middle:.1f} s, latest {last:.1f} s")
    assert last <= 10 + 3 * LEASE


def start(workers):
    return workers.start(platform="ToxicPlatform", declared=DECLARED, **QUICK)


def test_a_huge_text(backend, play):
    """However it came into the database: it is refused, and holds nobody up.

    SQLite writes a row anew, text and all, whenever its status changes: there a tenth has to do.
    """
    size = 100_000_000 if backend == "postgres" else 10_000_000
    texts = ["x" * size, *(f"post {n}" for n in range(NEIGHBOURS))]
    with play() as scene:
        scene.faults({"fault": "slow", "seconds": 0.05})
        tokens = scene.connect(len(texts))
        crew = [scene.ours.worker() for _ in range(2)]
        begun = time.time()
        scene.fill(tokens, texts)
        stored = time.time()
        wait_for(lambda: open_posts(scene.database) == 0, 90, lambda: crew[0].said, pause=0.3)
        assert [worker.popen.poll() for worker in crew] == [None, None]
        ends = Counter((status, kind) for _, status, _, _, kind, *_ in scene.states())
        assert ends == {("failed", "rejected"): 1, ("posted", None): NEIGHBOURS}
        assert scene.once() == Counter(texts[1:])
        latest = max(line["at"] for line in scene.lines(accepted="1")) - stored
    print(f"{NEIGHBOURS} neighbours, stored in {stored - begun:.1f} s, latest {latest:.1f} s")
    assert latest <= 10
