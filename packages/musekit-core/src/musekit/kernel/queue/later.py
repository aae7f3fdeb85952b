"""Ringing for work that was put off when it is due, instead of waiting for the job's schedule."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musekit.kernel.host import Host

_making = threading.Lock()
#: A bell comes no earlier, in seconds: what fails at once is not tried in a loop.
SOONEST = 0.2


class Later:
    """The bells of a process that are on their way, one for each job. Use `ring_later`.

    With two of a job on their way each run that puts something off would ring for two others.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at: dict[str, float] = {}

    def take(self, name: str, seconds: float) -> bool:
        """Return True for whoever shall ring for a job after so many seconds."""
        with self._lock:
            now = time.monotonic()
            if now < self._at.get(name, now):
                return False
            self._at[name] = now + seconds
            return True


def ring_later(host: Host, name: str, seconds: float | None) -> None:
    """Ring for a job in so many seconds, unless a bell is on its way or its schedule is sooner.

    Args:
        seconds: until something is due; None: nothing waits.
    """
    every = host.registry.jobs[name].every
    if seconds is None or (every is not None and seconds >= every):
        return
    seconds = max(seconds, SOONEST)
    if _later(host).take(name, seconds):
        host.broker.enqueue(name, delay=seconds)


def _later(host: Host) -> Later:
    with _making:
        try:
            later: Later = host.get(Later)
        except KeyError:
            later = Later()
            host.put(Later, later)
    return later
