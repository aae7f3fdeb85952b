"""Answers that are read as they come: events of language models, large files.

They have connections of their own, so that a slow stream takes none of those that whole answers
travel on, and nothing here is in the way of those.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

from musekit.kernel.outbound.body import check_method, make_body, make_head, make_headers
from musekit.kernel.outbound.errors import Interrupted, NotSent, TooLarge, why
from musekit.kernel.outbound.exchange import Answer, Connection
from musekit.kernel.outbound.guard import Guard
from musekit.kernel.outbound.pool import Pool, Resolver

#: Bytes that wait to be read before the other side is held back, and until it goes on.
HIGH, LOW = 256 * 1024, 64 * 1024


class StreamingConnection(Connection):
    """A connection whose answer is handed on piece by piece."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._news = asyncio.Event()
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._begun = self._holding = False
        self._over: asyncio.Task[Answer] | None = None

    def begin(self, head: bytes, body: bytes, *, bodiless: bool, limit: int) -> None:
        """Send a request; the exchange goes on in a task of its own."""
        self._pieces.clear()
        self._waiting, self._begun = 0, False
        self._over = self._loop.create_task(
            self.exchange(head, body, bodiless=bodiless, limit=limit)
        )
        self._over.add_done_callback(lambda _: self._news.set())

    async def answer(self) -> Answer:
        """Return the answer as soon as its headers are there. Raises as `exchange`."""
        assert self._over is not None
        while not self._over.done():
            if self._begun:
                return self._answer
            await self._next()
        return self._over.result()

    async def read(self) -> bytes:
        """Return the next piece of the body, b"" at its end. Raises as `exchange`."""
        assert self._over is not None
        while not self._pieces:
            if self._over.done():
                self._over.result()
                return b""
            await self._next()
        piece = self._pieces.popleft()
        self._waiting -= len(piece)
        if self._holding and self._waiting <= LOW:
            self._holding = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
        return piece

    async def end(self) -> None:
        """Stop the exchange if it goes on; that drops the connection."""
        assert self._over is not None
        self._over.cancel()
        await asyncio.wait((self._over,))
        if self._holding:  # nobody would read the next answer
            self.close()

    async def _next(self) -> None:
        self._news.clear()
        await self._news.wait()

    def on_headers_complete(self) -> None:
        """Look at the status, and say that there is an answer."""
        super().on_headers_complete()
        self._begun = self._headers_read  # not so after an informational answer (1xx)
        self._news.set()

    def on_body(self, data: bytes) -> None:
        """Hand a piece on; of what nobody has read yet there is a limit."""
        super().on_body(data)
        for piece in self._answer.body:
            if piece:
                self._pieces.append(piece)
                self._waiting += len(piece)
        self._answer.body.clear()
        self._news.set()
        if self._waiting > HIGH and not self._holding:
            self._holding = True
            self._transport.pause_reading()


class StreamedResponse:
    """An answer that is still coming.

    Attributes:
        status_code: the HTTP status.
        headers: headers; look-ups ignore case.
    """

    def __init__(
        self, connection: StreamingConnection, answer: Answer, where: str, ends: float
    ) -> None:
        self.status_code = answer.status
        self.headers: Mapping[str, str] = answer.headers
        self._connection, self._where, self._ends = connection, where, ends

    async def aiter_bytes(self) -> AsyncGenerator[bytes]:
        """Yield the body, decompressed, in pieces of any size.

        Raises:
            TooLarge: it is larger than the limit.
            Interrupted: the rest will not come.
        """
        while True:
            try:
                async with asyncio.timeout_at(self._ends):
                    piece = await self._connection.read()
            except TooLarge:
                raise
            except (Interrupted, OSError, TimeoutError) as error:
                raise Interrupted(
                    f"{self._where}: {why(error)}. The answer is not whole."
                ) from None
            if not piece:
                return
            yield piece

    async def aread(self, most: int | None = None) -> bytes:
        """Return what is left of the body, or its beginning. Raises as `aiter_bytes`."""
        found = bytearray()
        async with contextlib.aclosing(self.aiter_bytes()) as pieces:
            async for piece in pieces:
                found += piece
                if most is not None and len(found) >= most:
                    return bytes(found[:most])
        return bytes(found)


class Streams:
    """Opens streams for one client. Its connections are made at its first use."""

    def __init__(self, guard: Guard, resolver: Resolver, limit: int) -> None:
        self._guard, self._resolver, self._limit = guard, resolver, limit
        self._loop = asyncio.get_running_loop()
        self._kept: Pool | None = None
        self._closed = False

    @contextlib.asynccontextmanager
    async def open(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None,
        json: Any,
        content: bytes | None,
        agent: str,
        first_byte_timeout: float,
        total_timeout: float,
        limit: int,
    ) -> AsyncIterator[StreamedResponse]:
        """Send one request; see `OutboundClient.stream`."""
        method = check_method(method)
        target = self._guard.check(url)
        made = make_headers(agent, headers, None)
        body = make_body(made, json, None, None, content)
        head = make_head(method, target, made, body)
        begins = self._loop.time()
        ends = begins + total_timeout
        first = min(begins + first_byte_timeout, ends)
        origin = target.scheme, target.raw_host or "", target.port or 0
        where = f"{method} {target.origin()}"
        pool = self._pool()
        try:
            connection = pool.idle(origin)
            if connection is None:
                async with asyncio.timeout_at(first):
                    connection = await pool.connect(origin)
        except (OSError, TimeoutError, ValueError) as error:
            raise NotSent(f"{where}: {why(error)}. The request was not sent.") from None
        assert isinstance(connection, StreamingConnection)
        try:
            connection.begin(head, body or b"", bodiless=method == "HEAD", limit=limit)
            try:
                async with asyncio.timeout_at(first):
                    answer = await connection.answer()
            except TooLarge:
                raise
            except (Interrupted, OSError, TimeoutError) as error:
                raise Interrupted(f"{where}: {why(error)}. It may have been carried out.") from None
            yield StreamedResponse(connection, answer, where, ends)
        finally:
            # The task of the exchange ends at once: nothing is waited for that could hang.
            await asyncio.shield(self._give_back(pool, origin, connection))

    async def close(self) -> None:
        """Drop the connections that wait; those in use are dropped when they come back."""
        self._closed = True
        if self._kept is not None:
            await self._kept.close()

    def _pool(self) -> Pool:
        if self._closed:
            raise NotSent("The HTTP client is closed.")
        if self._kept is None:
            self._kept = Pool(self._guard, self._resolver, self._limit, StreamingConnection)
        return self._kept

    async def _give_back(
        self, pool: Pool, origin: tuple[str, str, int], connection: StreamingConnection
    ) -> None:
        await connection.end()
        pool.release(origin, connection)
