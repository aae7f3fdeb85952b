"""Record keys that sort by time: TIDs (atproto.com/specs/tid, read 2026-08)."""

import random
import threading
import time

_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
_CLOCK = random.SystemRandom().getrandbits(10)
_lock = threading.Lock()
_last = 0


def new_tid() -> str:
    """Return a fresh key of 13 characters: microseconds since 1970 and a clock id of 10 bits."""
    global _last
    with _lock:
        _last = max(time.time_ns() // 1000, _last + 1)
        value = _last << 10 | _CLOCK
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(60, -5, -5))
