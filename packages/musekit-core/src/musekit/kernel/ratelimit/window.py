"""The rule of every store: a sliding window, estimated from two fixed ones.

The requests of the last `seconds` are taken to be those of the present fixed window and, of the one
before, the share that has not slid out of sight. It needs two numbers per scope, and lets through
what an exact list would for evenly spread requests. A request that is refused is not counted.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from musekit.errors import LimitReachedError

MESSAGE = "Too many tries. Nothing was changed; wait {seconds} seconds, then try again."


class StoreAwayError(Exception):
    """A shared store cannot be asked now; nothing was counted."""


class Verdict(NamedTuple):
    """How one request was judged, as its answer tells it.

    Attributes:
        allowed: whether it goes on; only then it was counted.
        limit: requests within the window.
        seconds: length of the window.
        remaining: requests that would be let through right now.
        reset: seconds after which, without requests, all of the limit is there again.
        wait: seconds until a refused request may go on; 0 when it was let through.
    """

    allowed: bool
    limit: int
    seconds: int
    remaining: int
    reset: int
    wait: int

    def demand(self) -> Verdict:
        """Return this verdict if the request may go on.

        Raises:
            LimitReachedError: with ``Retry-After``, when it may not.
        """
        if not self.allowed:
            raise LimitReachedError(MESSAGE.format(seconds=self.wait), retry_after=self.wait)
        return self


def judge(current: int, previous: int, limit: int, seconds: int, moment: float) -> Verdict:
    """Judge a request.

    Args:
        current: requests of the present fixed window, this one included.
        previous: those of the window before.
        moment: Unix seconds.
    """
    passed = moment % seconds / seconds
    estimate = current + previous * (1 - passed)
    left = (1 - passed) * seconds
    if estimate <= limit:
        return Verdict(True, limit, seconds, int(limit - estimate), math.ceil(left + seconds), 0)
    wait = max(1, math.ceil(_share(current, previous, limit, passed) * seconds))
    counted = current - 1  # this request is not
    reset = left + seconds if counted else left
    return Verdict(False, limit, seconds, 0, max(wait, math.ceil(reset)), wait)


def _share(current: int, previous: int, limit: int, passed: float) -> float:
    """Return the share of a window to wait until one request more fits."""
    if current > limit:
        # Room comes in the next window, once enough of this one has slid out of sight.
        return 1 - passed + max(0.0, 1 - (limit - 1) / max(current - 1, 1))
    return max(0.0, 1 - (limit - current) / max(previous, 1) - passed)
