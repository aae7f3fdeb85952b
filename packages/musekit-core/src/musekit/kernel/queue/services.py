"""How worker services are told to stop."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


@dataclass
class Stop:
    """The wish that a worker stops, and how long it may take.

    Attributes:
        requested: set when the worker is to stop.
        deadline: `time.monotonic` seconds by which everything in hand must be finished or handed
            back; None until a stop is requested.
    """

    requested: threading.Event = field(default_factory=threading.Event)
    deadline: float | None = None

    def wait(self, seconds: float) -> bool:
        """Sleep that long, or until a stop is requested. Returns True if it is requested."""
        return self.requested.wait(max(0.0, seconds))

    def request(self, drain: float) -> None:
        """Ask for a stop within `drain` seconds. A second request may only shorten the time."""
        deadline = time.monotonic() + drain
        self.deadline = deadline if self.deadline is None else min(self.deadline, deadline)
        self.requested.set()

    def remaining(self) -> float:
        """Return the seconds left until the deadline, never below 0; infinite before a stop."""
        if self.deadline is None:
            return float("inf")
        return max(0.0, self.deadline - time.monotonic())
