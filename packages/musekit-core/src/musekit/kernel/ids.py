"""Row ids: version-7 UUIDs, whose order is the order of their making."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0


def new_id() -> UUID:
    """Return a version-7 UUID (RFC 9562 §5.7), strictly increasing within the process."""
    global _last
    with _lock:
        # Milliseconds and a 12-bit fraction of one, so that ids of one millisecond stay ordered.
        now = (time.time_ns() << 12) // 1_000_000
        _last = now if now > _last else _last + 1
        stamp = _last
    random = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    value = (stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | random
    return UUID(int=value)
