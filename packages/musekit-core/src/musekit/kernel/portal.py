"""Runs asynchronous code for plain `def` code: one thread with one event loop per process."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from musekit.errors import UnavailableError
from musekit.kernel.outbound.client import Outbound, OutboundClient

Result = TypeVar("Result")


class Portal:
    """The way from `def` routes and jobs to asynchronous clients. Starts at its first use.

    Args:
        outbound: opens the one HTTP client that lives as long as the portal.
        limit: connections of that client.
    """

    def __init__(self, outbound: Outbound, *, limit: int = 100) -> None:
        self._outbound, self._limit = outbound, limit
        self._lock = threading.Lock()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: OutboundClient | None = None
        self._stop: asyncio.Event | None = None
        self._fault: BaseException | None = None

    @property
    def client(self) -> OutboundClient:
        """The HTTP client of the portal's loop: for use inside `call` only."""
        self._start()
        assert self._client is not None
        return self._client

    def call(
        self,
        fn: Callable[..., Awaitable[Result]],
        *args: Any,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Result:
        """Run ``fn(*args, **kwargs)`` in the portal's loop and wait for its result.

        Args:
            timeout: seconds to wait; after them the coroutine is cancelled.

        Raises:
            TimeoutError: it took longer than `timeout`.
            UnavailableError: the portal is closed.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("Portal.call from the portal's own loop: await the function instead")

        async def run() -> Result:
            async with asyncio.timeout(timeout):
                return await fn(*args, **kwargs)

        future = self.spawn(run())
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise UnavailableError("The server is shutting down. Try again.") from None
        except BaseException:
            future.cancel()
            raise

    def spawn(self, task: Coroutine[Any, Any, Result]) -> concurrent.futures.Future[Result]:
        """Begin something in the portal's loop; cancelling the future cancels it there.

        Raises:
            UnavailableError: the portal is closed.
        """
        try:
            loop = self._start()
        except BaseException:
            task.close()
            raise
        try:
            return asyncio.run_coroutine_threadsafe(task, loop)
        except RuntimeError:
            task.close()
            raise UnavailableError("The server is shutting down. Try again.") from None

    def close(self, *, timeout: float = 10.0) -> None:
        """Cancel what still runs, close the client, join the thread. May be called twice."""
        with self._lock:
            self._closed = True
            thread, loop, stop = self._thread, self._loop, self._stop
        if thread is None or loop is None or stop is None or not thread.is_alive():
            return
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout)

    def _start(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise UnavailableError("The server is shutting down. Try again.")
            if self._thread is None:
                ready = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(ready,), name="musekit-portal", daemon=True
                )
                self._thread.start()
                ready.wait()
            if self._fault is not None:
                raise RuntimeError("the portal's thread did not start") from self._fault
            assert self._loop is not None
            return self._loop

    def _run(self, ready: threading.Event) -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                runner.run(self._serve(ready))
        except BaseException as fault:
            self._fault = fault
            raise
        finally:
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        self._stop = asyncio.Event()
        async with self._outbound.open(self._limit) as self._client:
            self._loop = asyncio.get_running_loop()
            ready.set()
            await self._stop.wait()
            mine = asyncio.current_task()
            others = [task for task in asyncio.all_tasks() if task is not mine]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop factory where uvloop is installed, else None (asyncio's own)."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
