"""What this process works on now, and how its jobs ended: for its heartbeat and for metrics."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal

from musekit.kernel.database.types import utc_now

#: It ended well; it failed and is tried again; its retries are used up.
Outcome = Literal["done", "retried", "failed"]


class Tally:
    """Counts jobs of one process, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, tuple[str, datetime]] = {}
        self._ended: Counter[tuple[str, Outcome]] = Counter()

    @contextmanager
    def working(self, run: str, name: str) -> Iterator[None]:
        """Show a run of a job as under way.

        Args:
            run: its own id.
        """
        with self._lock:
            self._running[run] = (name, utc_now())
        try:
            yield
        finally:
            with self._lock:
                self._running.pop(run, None)

    def ended(self, name: str, outcome: Outcome) -> None:
        """Count a run that has ended."""
        with self._lock:
            self._ended[name, outcome] += 1

    def running(self) -> list[dict[str, Any]]:
        """Return name and begin of the jobs under way, the oldest first, as JSON-ready data."""
        with self._lock:
            found = sorted(self._running.values(), key=lambda each: each[1])
        return [{"name": name, "since": since.isoformat()} for name, since in found]

    def counts(self) -> dict[str, dict[str, int]]:
        """Return by job how often it ended how, since the process started."""
        with self._lock:
            ended = dict(self._ended)
        found: dict[str, dict[str, int]] = {}
        for (name, outcome), number in ended.items():
            found.setdefault(name, {})[outcome] = number
        return found
