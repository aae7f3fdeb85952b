"""Database threads: a thread takes all that waits, up to a limit, and answers in one transaction.

So a batch is as large as the database is slow, and a lone post waits for nobody.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Lane(Generic[Item, Answer]):
    """One thread that does one kind of work in batches.

    Args:
        name: of the thread.
        work: takes a batch, gives an answer for each item in its order. An answer that is an
            error is raised to who asked, an error it raises to everyone in the batch.
        limit: the most it takes at once.
        gather: seconds to gather more when more than one item waits already: while posts
            stream, larger batches cost less each.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[list[Item]], Sequence[Answer | BaseException]],
        *,
        limit: int,
        gather: float = 0.0,
    ) -> None:
        self._work, self._limit, self._gather = work, limit, gather
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[tuple[Item, asyncio.Future[Answer]] | None] = (
            queue.SimpleQueue()
        )
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, item: Item) -> asyncio.Future[Answer]:
        """Hand an item to the thread. Called on the loop."""
        future: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting.put((item, future))
        return future

    async def close(self) -> None:
        """Finish what waits, then end the thread."""
        self._waiting.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while True:
            first = self._waiting.get()
            if first is None:
                return
            batch = [first]
            if self._gather and not self._waiting.empty():
                time.sleep(self._gather)
            last = False
            while len(batch) < self._limit:
                try:
                    more = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                    break
                batch.append(more)
            self._answer(batch)
            if last:
                return

    def _answer(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        answers: Sequence[Answer | BaseException] = ()
        error: BaseException | None = None
        try:
            answers = self._work([item for item, _ in batch])
        except BaseException as caught:  # told to those who wait; the thread lives on
            error = caught
            log.warning("%s: %d items: %s", self._thread.name, len(batch), type(caught).__name__)
        futures = [future for _, future in batch]
        try:
            self._loop.call_soon_threadsafe(_tell, futures, answers, error)
        except RuntimeError:  # the loop is gone; so is everyone who could hear
            log.warning("publisher: nobody left to tell about %d results", len(futures))


def _tell(
    futures: list[asyncio.Future[Answer]],
    answers: Sequence[Answer | BaseException],
    error: BaseException | None,
) -> None:
    for future, answer in zip(
        futures, answers if error is None else [error] * len(futures), strict=True
    ):
        if future.done():
            continue
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)
