"""C26: any order of claims, calls, crashes, late answers and people leaves each post in its state.

Two workers' stores are driven step by step in orders that Hypothesis invents, against a network
that is a counter. After every step: nothing was taken twice, what is posted is live, what is failed
is not; and in the end nothing is lost. The 56 single moves are in ``test_claims.py``.
``MUSEKIT_CHAOS_EXAMPLES`` sets how many orders of 50 steps are tried: a thousand take
ten minutes or more.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime

import pytest
import world
from double import DoublePlatform
from hypothesis import HealthCheck, Phase, settings, strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from musekit.api import ConflictError, SocialPost, new_id
from passivepost.api import Found, NotSent, Rejected, Retryable
from passivepost.posts.models import PostDetails
from passivepost.posts.service import PLANNED, move
from passivepost.publishing import outcomes, service
from passivepost.publishing.outcomes import result_of
from passivepost.publishing.publisher import Publisher
from passivepost.publishing.reconcile import Look
from passivepost.publishing.straight import is_straight
from passivepost.publishing.work import Arm, Move

EXAMPLES = int(os.environ.get("MUSEKIT_CHAOS_EXAMPLES", "1000"))
FULL = [pytest.mark.chaos, pytest.mark.timeout(7200)]
QUICK = {
    "lease_margin_seconds": 60.0, "arm_safety": 1.0, "arm_fresh": 0.5,
    "reconcile_seconds": [0.1, 0.2],
}  # fmt: skip
DECLARED = {"longest_call": 0.001}  #: a post found absent may be sent again at once
#: Whatever the network may do with a call, and what its worker makes of that.
FATES = ("answered", "silent", "lost", "rejected", "busy", "limited", "not in time")
pick = strategies.integers(0, 99)
worker = strategies.integers(0, 1)
fates = strategies.sampled_from(FATES)


class Posts(RuleBasedStateMachine):
    """Three accounts with two posts each, two workers, a network, and people."""

    host = None
    stores = ()
    calls = Counter()  #: made in all orders, by fate
    rules_of_waits = None

    @initialize()
    def begin(self):
        owners = world.accounts(self.host, 3)
        self.ids = world.posts(self.host, owners, 6, body=f"{new_id()} {{n}}")
        self.live = Counter()  #: what the network has taken, by post
        self.named = {}  #: the id it gave
        self.hands = ({}, {})  #: claims of each worker, by post
        self.fresh = set()  #: claims armed a moment ago
        self.results = []  #: known to a worker or its spool, and not stored yet
        self.stored = []

    # --- Workers ----------------------------------------------------------------------------------

    @rule(by=worker, want=strategies.integers(1, 4))
    def claim(self, by, want):
        self.stores[by]._promoted = 0.0  # looks here are nearer to each other than a worker's
        for claim in self.stores[by].look(want).claims:
            self.hands[by][claim.post_id, claim.token] = claim

    @precondition(lambda self: self.held(armed=False))
    @rule(at=pick, with_results=strategies.booleans())
    def arm(self, at, with_results):
        by, claim = self.one(at, armed=False)
        results = [r for r in self.results if is_straight(r)] if with_results else []
        self.results = [r for r in self.results if r not in results]
        wish = Arm(claim, new_id(), 1.0, None)
        (attempt,) = self.stores[by].write([wish], results)
        self.stored += results
        if attempt is None:
            del self.hands[by][claim.post_id, claim.token]
        else:
            claim.attempt = attempt
            self.fresh.add(claim)

    @precondition(lambda self: self.held(armed=True))
    @rule(at=pick, fate=fates, noted=strategies.booleans())
    def call(self, at, fate, noted):
        """Call once; `noted`: the result reaches the spool before its worker may die."""
        by, claim = self.one(at, armed=True)
        del self.hands[by][claim.post_id, claim.token]
        waits = self.rules_of_waits
        self.calls[fate] += 1
        if claim not in self.fresh:
            fate = "not in time"  # the worker's own look at the clock
        if fate in {"answered", "silent"}:
            self.take(claim)
        match fate:
            case "answered":
                ids = [self.named[claim.post_id]]
                result = result_of(claim, Move.POSTED, outcome="confirmed", ids=ids)
            case "silent" | "lost":
                result = outcomes.unknown(claim, TimeoutError(), waits)
            case "rejected":
                result = outcomes.known_not_sent(claim, Rejected("no"), waits)
            case "busy":
                result = outcomes.known_not_sent(claim, Retryable("busy"), waits)
            case "limited":
                error = Retryable("wait", retry_after=0.0, rate_limited=True)
                result = outcomes.known_not_sent(claim, error, waits)
            case _:
                result = outcomes.known_not_sent(claim, NotSent("not sent in time"), waits)
        if noted:
            self.results.append(result)

    @rule(by=worker, want=strategies.integers(1, 4), fate=fates, noted=strategies.booleans())
    def publish(self, by, want, fate, noted):
        """The way of nearly all posts, in one step, for the single ones rarely come in a row."""
        self.claim(by, want)
        while self.held(armed=False):
            self.arm(0, with_results=False)
        while self.held(armed=True):
            self.call(0, fate, noted)

    def take(self, claim):
        self.live[claim.post_id] += 1
        self.named[claim.post_id] = f"{claim.post_id}-{self.live[claim.post_id]}"

    @precondition(lambda self: any(self.hands))
    @rule(by=worker)
    def die(self, by):
        """Whatever it held is gone; its results are in the spool."""
        self.hands[by].clear()

    @precondition(lambda self: self.results)
    @rule(by=worker, at=pick)
    def record(self, by, at):
        """Store one of the results that wait, in any order, by whoever replays the spool."""
        result = self.results.pop(at % len(self.results))
        self.stores[by].record([result])
        self.stored.append(result)

    @precondition(lambda self: self.stored)
    @rule(by=worker, at=pick)
    def record_again(self, by, at):
        self.stores[by].record([self.stored[at % len(self.stored)]])

    @rule(by=worker)
    def sweep(self, by):
        self.stores[by].sweep(2)

    @rule(by=worker, reads=strategies.booleans())
    def reconcile(self, by, reads):
        looks = [Look(doubt=doubt, found=self.found(doubt) if reads else None)
                 for doubt in self.stores[by].doubts(50)]  # fmt: skip
        self.stores[by].settle(looks, 0.0)

    def found(self, doubt):
        there = self.named.get(doubt.claim.post_id)
        return Found(ids=[there] if there else [], complete=there is not None)

    @rule()
    def time_passes(self):
        """Leases end, waits and looks come due, and permissions to send are over."""
        self.fresh.clear()
        past = "due_at"
        for column, where in (
            ("lease_until", "lease_until IS NOT NULL"),
            ("next_attempt_at", "stage = 'queued'"),
            ("reconcile_at", "reconcile_at IS NOT NULL"),
        ):
            world.execute(self.host, f"UPDATE publish_state SET {column} = {past} WHERE {where}")

    # --- People -----------------------------------------------------------------------------------

    @rule(at=pick, again=strategies.booleans())
    def decide(self, at, again):
        """Somebody looks at the network, and says what they see."""
        post_id = self.ids[at % len(self.ids)]
        with self.host.database.session(world.SYSTEM) as session:
            there = self.named.get(post_id)
            decision = "live" if there else "resend" if again else "drop"
            try:
                service.resolve(session, post_id, decision, ids=[there] if there else None)
            except ConflictError:
                session.rollback()

    @rule(at=pick)
    def edit(self, at):
        """Somebody changes the text of a post that is planned, or failed, and plans it anew."""
        with self.host.database.session(world.SYSTEM) as session:
            post = session.get(SocialPost, self.ids[at % len(self.ids)])
            details = session.get(PostDetails, post.id)
            if post.status not in PLANNED | {"failed"}:
                return
            try:
                if post.status in PLANNED:
                    service.pull_back(session, post)
            except ConflictError:
                session.rollback()
                return
            details.revision += 1
            move(session, post, "scheduled")
            service.schedule(session, post, details, at=datetime.now(UTC))

    # --- What always holds ------------------------------------------------------------------------

    @invariant()
    def nothing_twice_and_nothing_untrue(self):
        if not hasattr(self, "ids"):
            return
        assert max(self.live.values(), default=0) <= 1, "published twice"
        for post_id, status in self.statuses().items():
            if status == "posted":
                assert self.live[post_id] == 1, "shown as posted, and not there"
            elif status == "failed":
                assert not self.live[post_id], "shown as failed, and live"

    def teardown(self):
        """Let all come to its end with one worker: nothing is lost, and nothing hangs.

        Who is asked about a post, for nobody could read whether it is there, answers in the end.
        """
        if not hasattr(self, "ids"):
            return
        self.die(0)
        self.die(1)
        for turn in range(12):
            while self.results:
                self.record(0, 0)
            self.time_passes()
            self.sweep(0)
            self.reconcile(0, reads=True)
            self.publish(0, 100, "answered", noted=True)
            for at in range(len(self.ids) if turn > 5 else 0):
                self.decide(at, again=True)
        ends = self.statuses()
        assert set(ends.values()) <= {"posted", "failed"}, f"lost: {ends}"
        self.nothing_twice_and_nothing_untrue()

    def statuses(self):
        with self.host.database.session(world.SYSTEM, readonly=True) as session:
            chosen = session.query(SocialPost.id, SocialPost.status)
            return dict(chosen.filter(SocialPost.id.in_(self.ids)).all())

    def held(self, *, armed):
        """Return what both workers hold: (worker, claim)."""
        return [(by, claim) for by, hand in enumerate(self.hands) for claim in hand.values()
                if (claim.attempt is not None) is armed]  # fmt: skip

    def one(self, at, *, armed):
        found = self.held(armed=armed)
        return found[at % len(found)]


@pytest.mark.parametrize(
    ("examples", "steps"),
    [pytest.param(25, 30, id="quick"), pytest.param(EXAMPLES, 50, id="full", marks=FULL)],
)
def test_posts_in_any_order_of_events(examples, steps, host):
    world.install(host, DoublePlatform(1, **DECLARED), **QUICK)
    publishers = [Publisher(host), Publisher(host)]

    class Machine(Posts):
        pass

    Machine.host, Machine.calls = host, Counter()
    Machine.stores = tuple(each.store for each in publishers)
    Machine.rules_of_waits = publishers[0].rules
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, database=None,
            derandomize=examples < EXAMPLES, suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink], print_blob=False,
        ),
    )  # fmt: skip
    print(f"{examples} orders, {Machine.calls.total()} calls: {dict(Machine.calls)}")
    assert Machine.calls.total() > examples, "next to nothing happened"
    assert examples < EXAMPLES or set(Machine.calls) == set(FATES), "some things never happened"
