"""C12: told to wait, nothing calls before the time the network named, whatever the clocks say.

The network names the moment in four styles of headers; two of them name it by the network's own
clock, which here is two minutes ahead of ours, or behind. ``MUSEKIT_CHAOS_POSTS`` sets how many
posts, ``MUSEKIT_CHAOS_WAIT`` how long they are told to wait.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict

import pytest

POSTS = int(os.environ.get("MUSEKIT_CHAOS_POSTS", "300"))
WAIT = float(os.environ.get("MUSEKIT_CHAOS_WAIT", "20"))
STYLES = ("retry-after", "http-date", "x-rate-limit-reset", "ratelimit-reset")
EACH = 5  #: posts of an account
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]


@pytest.mark.parametrize("skew", [0.0, 120.0, -120.0])
def test_no_call_before_the_time_named(skew, play):
    accounts = POSTS // EACH // len(STYLES) * len(STYLES)
    texts = [f"{STYLES[n % len(STYLES)]} {n}" for n in range(accounts * EACH)]
    with play(skew=skew, PASSIVEPOST_SWEEP_SECONDS="1", PASSIVEPOST_POLL_SECONDS="1") as scene:
        scene.faults(
            *(
                {"fault": "rate_limit", "style": style, "text": style, "retry_after": WAIT,
                 "times": accounts // len(STYLES)}
                for style in STYLES
            )
        )  # fmt: skip
        scene.fill(scene.connect(accounts), texts)
        crew = [scene.ours.worker() for _ in range(2)]
        scene.settle(WAIT + 120)
        assert [worker.popen.poll() for worker in crew] == [None, None]
        assert scene.once() == Counter(texts)
        lines = scene.lines()
        assert {tries for *_, tries, _ in scene.states()} == {0}
        assert scene.outcomes() == {"confirmed": len(texts), "not_sent": accounts}
    early = [line for line in lines if "before its reset" in (line["note"] or "")]
    assert early == []
    late = waits(lines)
    assert len(late) == accounts
    assert min(late) >= 0
    assert max(late) <= 60
    print(
        f"{len(texts)} posts, {accounts} limits: after it ended {min(late):.2f}-{max(late):.2f} s"
    )


def waits(lines):
    """Return, of each limited account, the seconds from the end of its limit to its last post."""
    told, last = {}, defaultdict(float)
    for line in lines:
        if line["status"] == 429:
            assert line["account"] not in told, "told twice"
            told[line["account"]] = line["at"] + WAIT
        elif line["accepted"]:
            last[line["account"]] = line["at"]
    return [last[account] - end for account, end in told.items()]
