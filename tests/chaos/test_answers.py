"""C4, C16: answers that lie, and refusals of repeats, by the hundred; the ledger decides.

A network may take a post and say otherwise. What it took must never be sent again, never be called
failed, and end as posted or with a person. ``MUSEKIT_CHAOS_POSTS`` and ``MUSEKIT_CHAOS_REPEATS``
set how many.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import httpx
import pytest
from crowd import SYSTEM

from passivepost.publishing import service
from passivepost.publishing.models import PublishState

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

POSTS = int(os.environ.get("MUSEKIT_CHAOS_POSTS", "2000"))
REPEATS = int(os.environ.get("MUSEKIT_CHAOS_REPEATS", "100"))
#: Of all posts, how many meet which lie.
LIES = {"accept_then_hang": 0.10, "accept_then_reset": 0.05, "accept_then_500": 0.05}
QUICK = {
    "PASSIVEPOST_PLATFORM_SANDBOX_LONGEST_CALL_SECONDS": "3",
    "PASSIVEPOST_LEASE_MARGIN_SECONDS": "15",
    "PASSIVEPOST_SWEEP_SECONDS": "1",
    "PASSIVEPOST_RECONCILE_SECONDS": "[0.5, 1.5]",
    "PASSIVEPOST_POLL_SECONDS": "1",
}


def readable(read_back: str) -> dict[str, str]:
    return {"PASSIVEPOST_PLATFORM_SANDBOX_READ_BACK": "1" if read_back == "yes" else "0"}


@pytest.mark.parametrize("read_back", ["yes", "no"])
def test_a_fifth_of_the_answers_lie(read_back, play):
    """C4. Where it can be read back each is found; elsewhere each is shown as unknown, once."""
    texts = [f"{lie} {n}" for lie, share in LIES.items() for n in range(round(POSTS * share))]
    lies = len(texts)
    texts += [f"plain {n}" for n in range(POSTS - lies)]
    random.Random(4).shuffle(texts)
    with play(**QUICK, **readable(read_back)) as scene:
        scene.faults(*({"fault": lie, "text": lie, "seconds": 30} for lie in LIES))
        scene.fill(scene.connect(POSTS // 4), texts)
        crew = [scene.ours.worker() for _ in range(2)]
        scene.settle(240)
        time.sleep(4)  # further sweeps and looks find nothing to do
        assert [worker.popen.poll() for worker in crew] == [None, None]
        assert scene.once() == Counter(texts)
        assert len(scene.lines()) == POSTS, "something was sent again"
        plain = POSTS - lies
        found = Counter((status, review) for _, status, review, *_ in scene.states())
        if read_back == "yes":
            assert found == {("posted", None): plain, ("posted", "resolved"): lies}
            assert scene.outcomes() == {"confirmed": plain, "reconciled_live": lies}
        else:
            assert found == {("posted", None): plain, ("posting", "unconfirmed"): lies}
            assert scene.outcomes() == {"confirmed": plain, "unknown": lies}
    print(f"posts {POSTS}, lies {lies}, dup 0, lost 0: {dict(found)}")


STYLES = ("id", "no_id", "ghost")
#: What each kind of post comes to: (status, review, failure kind), and how often it is live.
#: ``foreign``: the account's owner had posted that text; ``live``: our first call was carried out,
#: and its answer lied; ``absent``: it was not. A person then takes both for absent.
ENDS = {
    "foreign": (("failed", None, "duplicate"), 1),
    "live": (("posted", "resolved", None), 1),
    "absent": (("posting", "unconfirmed", "unknown"), 0),
}
UNSEEN = {**ENDS, "live": (("posting", "unconfirmed", "unknown"), 1)}


@pytest.mark.parametrize("read_back", ["yes", "no"])
def test_refused_as_a_repeat(read_back, play):
    """C16. With no armed attempt of ours it is failed; with one it is looked for, or asked about.

    Whatever id the refusal names is no proof, and a ghost's proves nothing.
    """
    texts = [f"{kind} {style} {n}" for kind in ENDS for style in STYLES for n in range(REPEATS)]
    with play(**QUICK, **readable(read_back)) as scene:
        tokens = scene.connect(len(texts))
        for token, text in zip(tokens, texts, strict=True):
            if text.startswith("foreign"):
                by_hand(scene, token, text)
        scene.faults(
            *repeats(),
            {"fault": "accept_then_500", "text": "live"},
            {"fault": "reset", "text": "absent"},
            {"fault": "error", "op": "read"},  # nothing is found at first
        )
        scene.fill(tokens, texts)
        scene.ours.worker()
        scene.settle(180)
        asked = [text for text, _, review, *_ in scene.states() if review == "unconfirmed"]
        assert sorted(asked) == sorted(t for t in texts if not t.startswith("foreign"))
        scene.faults(*repeats(always=True))
        send_again(scene)
        scene.settle(180)
        ends = {text: (status, review, kind)
                for text, status, review, _, kind, *_ in scene.states()}  # fmt: skip
        wanted = ENDS if read_back == "yes" else UNSEEN
        assert ends == {text: wanted[text.split()[0]][0] for text in texts}
        live = scene.once()
        assert live == Counter(text for text in texts if wanted[text.split()[0]][1])
    print(f"posts {len(texts)}, as told {len(ends)}: {dict(Counter(ends.values()))}")


def repeats(*, always=False):
    """Return rules by which the network refuses repeats, each text in the style it names.

    Args:
        always: also what is told to be live and is not.
    """
    rules = [{"fault": "duplicate", "style": style, "text": f"foreign {style} "}
             for style in STYLES]  # fmt: skip
    if always:
        rules += [{"fault": "duplicate", "style": style, "text": f"{kind} {style} ", "always": True}
                  for style in STYLES for kind in ("live", "absent")]  # fmt: skip
    return rules


def by_hand(scene, token, text):
    """Post as the account's owner does, without us."""
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    made = scene.ledger.post("/api/posts", json={"text": text}, headers=bearer)
    assert made.status_code == httpx.codes.CREATED


def send_again(scene):
    """Say of each post in doubt, rightly or not, that it is not there."""
    with scene.database.session(SYSTEM) as session:
        doubts = session.query(PublishState).filter(PublishState.review == "unconfirmed").all()
        for post_id in [doubt.post_id for doubt in doubts]:
            service.resolve(session, post_id, "resend")
