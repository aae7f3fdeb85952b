"""How many runs of the job go on at a time in one process.

Every queued mail rings for the job. Without a bound a slow receiver would hold all threads of a
worker, and no other job would run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from musekit.kernel.host import Host

_making = threading.Lock()


class Turns:
    """Runs something on as many threads at a time as are allowed. One per host: `turns_of`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._running = 0
        self._asked = False

    def run(self, work: Callable[[], object]) -> bool:
        """Run it, or have it run once more by whoever is at it; False then.

        Who asks while all are busy has queued a mail that these may have looked for already; so
        one of them looks again.
        """
        with self._lock:
            if self._running >= self._most:
                self._asked = True
                return False
            self._running += 1
        try:
            again = True
            while again:
                work()
                with self._lock:
                    again, self._asked = self._asked, False
                    self._running -= not again
        except BaseException:
            with self._lock:
                self._running -= 1
            raise
        return True


def turns_of(host: Host, most: int) -> Turns:
    """Return the turns of a host, made at their first use."""
    with _making:
        try:
            turns = host.get(Turns)
        except KeyError:
            turns = Turns(most)
            host.put(Turns, turns)
    assert isinstance(turns, Turns)
    return turns
