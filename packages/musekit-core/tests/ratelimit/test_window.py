"""The arithmetic of a verdict, judged by an exact list of the requests that were let through."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from musekit.kernel.ratelimit import MemoryStore, Verdict

START = 1_700_000_040.0
gaps = st.lists(st.floats(0, 90, allow_nan=False), max_size=80)


def run(limit: int, seconds: int, waits: list[float]) -> tuple[MemoryStore, float, list[float]]:
    """Send requests with those gaps; return the store, the moment, and the times let through."""
    store, now, through = MemoryStore(), START, []
    for wait in waits:
        now += wait
        if store.hit("a", limit, seconds, now=now).allowed:
            through.append(now)
    return store, now, through


@given(st.integers(1, 20), st.sampled_from([10, 60]), gaps)
@settings(max_examples=300, deadline=None)
def test_no_fixed_window_and_no_two_together_pass_more_than_promised(limit, seconds, waits) -> None:
    _, _, through = run(limit, seconds, waits)
    for first in through:
        within = [at for at in through if first <= at < first + seconds]
        assert len(within) <= 2 * limit  # of a burst at a border, at the very most
        same = [at for at in through if at // seconds == first // seconds]
        assert len(same) <= limit


@given(st.integers(1, 20), st.sampled_from([10, 60]), gaps)
@settings(max_examples=300, deadline=None)
def test_what_the_headers_say_is_true(limit, seconds, waits) -> None:
    store, now, _ = run(limit, seconds, waits)
    verdict: Verdict = store.hit("a", limit, seconds, now=now)
    assert verdict.limit == limit
    assert 0 <= verdict.remaining < limit
    assert (verdict.wait == 0) == verdict.allowed
    assert 0 < verdict.reset <= 2 * seconds
    more = [store.hit("a", limit, seconds, now=now).allowed for _ in range(verdict.remaining + 1)]
    assert more == [True] * verdict.remaining + [False]
    after = store.hit("a", limit, seconds, now=math.ceil(now + verdict.reset) + seconds)
    assert after.remaining == limit - 1


@given(st.integers(1, 20), st.sampled_from([10, 60]), gaps)
@settings(max_examples=300, deadline=None)
def test_reset_gives_back_all_of_the_limit(limit, seconds, waits) -> None:
    store, now, _ = run(limit, seconds, waits)
    verdict = store.hit("a", limit, seconds, now=now)
    later = now + verdict.reset + 0.001
    fresh = [store.hit("a", limit, seconds, now=later).allowed for _ in range(limit)]
    assert all(fresh)


@given(st.integers(1, 20), st.sampled_from([10, 60]), gaps)
@settings(max_examples=300, deadline=None)
def test_waiting_as_told_lets_one_through(limit, seconds, waits) -> None:
    store, now, _ = run(limit, seconds, waits)
    while (verdict := store.hit("a", limit, seconds, now=now)).allowed:
        pass
    assert store.hit("a", limit, seconds, now=now + verdict.wait + 0.001).allowed
