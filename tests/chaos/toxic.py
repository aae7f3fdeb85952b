"""A platform whose preparation harms its worker in the way a post's text names."""

from __future__ import annotations

import os
import signal
import time

from double import PreparingPlatform

BUSY = float(os.environ.get("MUSEKIT_CHAOS_BUSY", "60"))


class ToxicPlatform(PreparingPlatform):
    """Text ``poison KIND``: the process exits, ends by a fault of memory, or stands still."""

    async def prepare(self, call):
        match call.content.text.removeprefix("poison ") if "poison" in call.content.text else "":
            case "exit":
                os._exit(13)
            case "segfault":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "memory":
                raise MemoryError
            case "busy":  # not asleep: it lets go of nothing
                end = time.monotonic() + BUSY
                while time.monotonic() < end:
                    pass
        return {**call.progress, "ready": True}
