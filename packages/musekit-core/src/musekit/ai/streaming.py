"""Answers that come piece by piece, for asynchronous endpoints.

The call runs in the portal's loop, in one task; its events come over to the loop of the server,
and wait there only a few at a time, so that who reads slowly holds the service back.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any
from uuid import UUID

import anyio
import anyio.to_thread

from musekit.ai import answering, opening, service
from musekit.ai.opening import Offline, Opened
from musekit.ai.results import AIResult, Source
from musekit.errors import UnavailableError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.providers import AICall, AIEvent, Finish, ProviderFault, Text, Usage

#: Events that wait to be read.
AHEAD = 16
_END = object()


def stream(
    host: Host,
    actor: Actor,
    call: AICall,
    *,
    offline: Offline | None = None,
    space_id: UUID | None = None,
) -> AIStream:
    """Return an answer that comes piece by piece; see `AIStream`. Arguments as for `complete`."""
    if call.schema is not None:
        raise ValueError("an answer of a shape is not streamed: it counts only as a whole")
    return AIStream(host, actor, call, offline, space_id)


class AIStream:
    """An answer on its way: ``async with stream(…) as answer: async for event in answer: …``.

    Entering it chooses the service and waits for the first words, so that whatever hinders an
    answer is raised there. Leaving it early ends the call; what came is counted.
    """

    def __init__(
        self, host: Host, actor: Actor, call: AICall, offline: Offline | None, space_id: UUID | None
    ) -> None:
        self._host, self._actor, self._call = host, actor, call
        self._offline, self._space_id = offline, space_id
        self._events: asyncio.Queue[Any] = asyncio.Queue(AHEAD)
        self._pump: concurrent.futures.Future[None] | None = None
        self._opened: Opened | None = None
        self._first: AIEvent | None = None
        self._closed = False
        #: The whole answer, once all of it has come.
        self.result: AIResult | None = None

    @property
    def opened(self) -> Opened:
        """The call, once it has begun."""
        assert self._opened is not None
        return self._opened

    @property
    def source(self) -> Source:
        """Who writes: a ``provider``, or rules of ours."""
        return "offline" if self.opened.choice is None else "provider"

    async def __aenter__(self) -> AIStream:
        """Begin. Raises as `complete`."""
        self._opened = await anyio.to_thread.run_sync(self._begin)
        if self._opened.choice is None:
            return self
        loop = asyncio.get_running_loop()
        try:
            self._pump = self._host.portal.spawn(self._run(loop))
            self._first = await self._next()
            while isinstance(self._first, Usage):  # what was read, before anything is written
                self._first = await self._next()
        except BaseException as error:
            await self._fail(error)
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        """End the call, if it is not over."""
        await self.aclose()

    async def __aiter__(self) -> AsyncIterator[AIEvent]:
        """Yield the events. Raises as `complete`, when the answer breaks off."""
        if self.opened.choice is None:
            async for draft in self._drafted():
                yield draft
            return
        event: AIEvent | None = self._first
        while event is not None:
            yield event
            try:
                event = await self._next()
            except BaseException as error:
                await self._fail(error)
                raise
        cost = await self._finish(opening.end, self.opened)
        self.result = service.result(self.opened, cost, None)

    async def aclose(self) -> None:
        """End the call. What has come of it is counted; a second time does nothing."""
        if self._opened is not None and not self._closed:
            await self._fail(asyncio.CancelledError())

    # --- Within ---

    def _begin(self) -> Opened:
        return opening.begin(
            self._host, self._actor, self._call, offline=self._offline, space_id=self._space_id
        )

    async def _drafted(self) -> AsyncGenerator[AIEvent]:
        assert self._offline is not None
        self.result = await self._finish(service.drafted, self.opened, self._offline)
        assert self.result is not None
        yield Text(self.result.text)
        yield Finish("stop")

    async def _next(self) -> AIEvent | None:
        """Return the next event, None at the end; raise what ended the call."""
        found = await self._events.get()
        if found is _END:
            return None
        if isinstance(found, ProviderFault):
            raise service.said(self.opened, found) from found
        if isinstance(found, BaseException):
            raise found
        event: AIEvent = found
        self.opened.progress.take(event)
        return event

    async def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ask, in the portal's loop, and hand over what comes."""

        async def give(found: Any) -> None:
            await asyncio.wrap_future(
                asyncio.run_coroutine_threadsafe(self._events.put(found), loop)
            )

        assert self.opened.choice is not None
        try:
            async with contextlib.aclosing(
                answering.answer(
                    self.opened.choice, self._call, self._host.portal.client,
                    retries=self.opened.retries,
                )
            ) as events:  # fmt: skip
                async for event in events:
                    await give(event)
            await give(_END)
        except asyncio.CancelledError:
            # Left by the reader, or the server is shutting down: then it must not wait for ever.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._say_closed)
            raise
        except Exception as error:
            await give(error)

    def _say_closed(self) -> None:
        if self._events.full():
            self._events.get_nowait()  # the answer is not whole anyway
        self._events.put_nowait(
            UnavailableError("The server is shutting down. The answer broke off.")
        )

    async def _fail(self, error: BaseException) -> None:
        cause = error.__cause__ if isinstance(error.__cause__, ProviderFault) else error
        await self._finish(opening.fail, self.opened, cause)

    async def _finish(self, fn: Any, *args: Any) -> Any:
        """Run the last unit of work of the call, though the request is being cancelled."""
        self._closed = True
        if self._pump is not None:
            self._pump.cancel()
        with anyio.CancelScope(shield=True):
            return await anyio.to_thread.run_sync(fn, *args)
