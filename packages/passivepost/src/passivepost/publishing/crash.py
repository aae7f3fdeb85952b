"""Named points where a worker may be told to die, for tests of what survives.

``MUSEKIT_CRASH_AT=name[:n]`` kills the process with SIGKILL the n-th time it passes `name`.
`enable` must be called first, which the publisher does only outside production.
"""

from __future__ import annotations

import os
import signal
import threading

#: Every point, in the order a post passes them. The matrix of crash tests is made from this.
POINTS = (
    "promote.before_commit",
    "promote.after_commit",
    "claim.before_commit",
    "claim.after_commit",
    "prepare",
    "refresh.after",
    "arm.before_commit",
    "arm.after_commit",
    "send.before",
    "send.after",
    "record.before_commit",
    "record.after_commit",
    "checkpoint.after_commit",
    "sweep.before_commit",
    "reconcile.before_commit",
)
#: A point off that way: here a killed worker costs a connection, never a post.
BEFORE_SAVE = "refresh.before_save"

_lock = threading.Lock()
_point: str | None = None
_left = 0


def enable(mode: str) -> None:
    """Read ``MUSEKIT_CRASH_AT``, unless `mode` is ``production``."""
    global _point, _left
    wish = os.environ.get("MUSEKIT_CRASH_AT", "") if mode != "production" else ""
    name, _, count = wish.partition(":")
    known = (*POINTS, BEFORE_SAVE)
    if name and name not in known:
        raise ValueError(f"MUSEKIT_CRASH_AT names {name!r}; there are: {', '.join(known)}")
    _point, _left = name or None, int(count or 1)


def passes(*names: str) -> None:
    """Die here if one of these is the point, and its time has come."""
    global _left
    if _point not in names:
        return
    with _lock:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
