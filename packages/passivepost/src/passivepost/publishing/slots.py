"""Send slots: as many calls are in flight as there are slots, the others wait in their order."""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """A semaphore for thousands of waits a second, held by `async with`.

    asyncio's own looks through all who wait, each time somebody comes or goes; here hundreds wait.
    A slot that is given back goes to the first of them directly, so nobody can overtake.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the slot was given in the same moment
                self._give_back()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._give_back()

    def _give_back(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
