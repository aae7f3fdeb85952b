"""Counts in this process's memory: quick, and lost with the process."""

from __future__ import annotations

import threading
import time

from musekit.kernel.ratelimit.window import Verdict, judge


class MemoryStore:
    """Counts by scope. For what does no harm when a count is lost, or counted per process."""

    def __init__(self, *, scopes: int = 100_000) -> None:
        self._most = scopes
        #: Scope → (window, its number, hits in it, hits in the window before).
        self._counts: dict[str, tuple[int, int, int, int]] = {}
        self._lock = threading.Lock()

    def hit(self, scope: str, limit: int, seconds: int, *, now: float | None = None) -> Verdict:
        """Count one request and judge it.

        Args:
            now: Unix seconds, for tests.
        """
        moment = time.time() if now is None else now
        window = int(moment // seconds)
        with self._lock:
            _, number, current, previous = self._counts.get(scope, (seconds, window, 0, 0))
            if number != window:
                current, previous = 0, current if number == window - 1 else 0
            verdict = judge(current + 1, previous, limit, seconds, moment)
            if verdict.allowed:
                if len(self._counts) >= self._most and scope not in self._counts:
                    self._make_room(moment)
                self._counts[scope] = (seconds, window, current + 1, previous)
            return verdict

    def forget(self, scope: str | None = None) -> None:
        """Drop a scope's count; None: all of them."""
        with self._lock:
            if scope is None:
                self._counts.clear()
            else:
                self._counts.pop(scope, None)

    def _make_room(self, moment: float) -> None:
        """Drop what counts for nothing any more; if that is little, all: memory is bounded."""
        fresh = {
            scope: count for scope, count in self._counts.items()
            if (count[1] + 2) * count[0] > moment
        }  # fmt: skip
        self._counts = fresh if len(fresh) < self._most // 2 else {}
