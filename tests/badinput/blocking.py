"""How long the event loop of a server computes without a pause, as a beat inside of it sees.

It is the time of the processor that is measured, of the loop's own thread: on a machine that does
much else a beat comes late, too, and nothing of the server is the reason.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

#: Seconds between beats.
BEAT = 0.002


class Watched:
    """ASGI: an application, and a beat in its loop that notes how much was computed meanwhile."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._task: asyncio.Task[None] | None = None
        self._worst = 0.0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer; begin to watch with the first request."""
        if self._task is None and scope["type"] == "http":
            self._task = asyncio.get_running_loop().create_task(self._watch())
        await self.app(scope, receive, send)

    def taken(self) -> float:
        """Return the longest hold since the last time, in seconds, and begin anew."""
        worst, self._worst = self._worst, 0.0
        return worst

    async def _watch(self) -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(BEAT)
            now = time.thread_time()
            self._worst = max(self._worst, now - before)
            before = now
