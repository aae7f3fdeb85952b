"""One connection and the exchange on it: a request out, its answer in.

httptools (llhttp, the parser of Node) reads the answers. What is ours is the state of the
exchange, for the publisher must know exactly one thing that no HTTP client tells: whether any byte
of the request was written. None is before `Connection.exchange` is called; from then on all counts
as written.
"""

from __future__ import annotations

import asyncio
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from multidict import CIMultiDict

from musekit.kernel.outbound.decoding import Decoder, decoder_for
from musekit.kernel.outbound.errors import Interrupted, TooLarge

#: Bytes of one answer's headers, at most.
HEADERS_LIMIT = 128 * 1024
#: Bytes of a request handed to the transport at once.
PIECE = 64 * 1024


class Answer:
    """An answer as it comes in."""

    __slots__ = ("body", "headers", "size", "status")

    def __init__(self) -> None:
        self.status = 0
        self.headers: CIMultiDict[str] = CIMultiDict()
        self.body: list[bytes] = []
        self.size = 0


class Connection(asyncio.Protocol):
    """One connection to one origin, for one exchange at a time.

    Attributes:
        idle_since: loop time of the last exchange's end.
        reusable: the next exchange may use it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._done: asyncio.Future[Answer] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._paused = False
        self.idle_since = 0.0
        self.reusable = True

    # --- The exchange ---

    async def exchange(self, head: bytes, body: bytes, *, bodiless: bool, limit: int) -> Answer:
        """Send a request and return its whole answer.

        Args:
            head: request line and headers, with the empty line.
            bodiless: the answer has no body, whatever its headers say (HEAD).
            limit: bytes of the answer's decoded body that are taken at most.

        Raises:
            Interrupted: no whole answer came.
        """
        self._parser = HttpResponseParser(self)
        self._answer = Answer()
        self._decoder: Decoder | None = None
        self._bodiless, self._limit, self._headers_size = bodiless, limit, 0
        self._headers_read = False
        done: asyncio.Future[Answer] = self._loop.create_future()
        self._done = done
        try:
            if len(body) <= PIECE:
                self._transport.write(head + body)
            else:
                await self._send(head, body, done)
            return await done
        finally:
            self._done = None
            if not done.done() or done.cancelled() or done.exception():
                self.close()

    async def _send(self, head: bytes, body: bytes, done: asyncio.Future[Answer]) -> None:
        """Write a large body in pieces, until it is out or the answer came before its end."""
        self._transport.write(head)
        for start in range(0, len(body), PIECE):
            if self._paused and not done.done():
                self._writable = self._loop.create_future()
                await asyncio.wait((self._writable, done), return_when=asyncio.FIRST_COMPLETED)
            if done.done():  # nobody reads on: what is missing would be taken for a new request
                self.reusable = False
                return
            self._transport.write(body[start : start + PIECE])

    def expire(self) -> None:
        """End the exchange: its time is over."""
        self._fail(TimeoutError())

    def close(self) -> None:
        """Drop the connection."""
        self.reusable = False
        self._transport.abort()

    @property
    def is_open(self) -> bool:
        """True while another exchange may begin."""
        return self.reusable and not self._transport.is_closing()

    def _fail(self, error: Exception) -> None:
        self.reusable = False
        if self._done is not None and not self._done.done():
            self._done.set_exception(error)

    def _finish(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(self._answer)

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to write on."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        """Feed what came to the parser. Nothing may come while no exchange is under way."""
        if self._done is None or self._done.done():
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (HttpParserUpgrade, HttpParserError) as error:
            cause = error.__context__
            told = cause if isinstance(cause, Interrupted) else None
            self._fail(told or Interrupted("the answer is malformed"))
            self._transport.abort()

    def eof_received(self) -> bool:
        """Let the transport close: an answer is over by then, or broken."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """End the exchange. An answer without a length ends where its connection does."""
        self.reusable = False
        if self._headers_read and error is None and not self._has_length():
            try:
                self._flush()
            except Interrupted as broken:
                self._fail(broken)
            self._finish()
        self._fail(Interrupted("the connection broke"))
        self.resume_writing()

    def pause_writing(self) -> None:
        """Hold a large body back."""
        self._paused = True

    def resume_writing(self) -> None:
        """Go on with it."""
        self._paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # --- httptools ---

    def on_message_begin(self) -> None:
        """Refuse a second answer to one request."""
        if self._done is None or self._done.done():
            raise Interrupted("more came than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers_size += len(name) + len(value)
        if self._headers_size > HEADERS_LIMIT:
            raise Interrupted("the answer's headers are too large")
        self._answer.headers.add(name.decode("latin-1"), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """Look at the status; an answer that can have no body is over here."""
        answer = self._answer
        answer.status = self._parser.get_status_code()
        if answer.status < 200:
            return
        self._headers_read = True
        self._decoder = decoder_for(answer.headers.get("Content-Encoding", ""))
        if self._bodiless:
            self.reusable = False  # the parser waits for a body that will not come
            self._finish()

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body, decoded."""
        answer = self._answer
        if self._decoder is not None:
            data = self._decoder.decode(data, self._limit - answer.size)
        answer.size += len(data)
        if answer.size > self._limit:
            raise TooLarge(f"The answer is larger than {self._limit:,} bytes.")
        answer.body.append(data)

    def on_message_complete(self) -> None:
        """End the exchange, or go on after an informational answer (1xx)."""
        if self._answer.status < 200:
            self._answer = Answer()
            return
        self._flush()
        if not self._parser.should_keep_alive():
            self.reusable = False
        self._finish()

    def _flush(self) -> None:
        if self._decoder is not None:
            self._decoder.check_end()

    def _has_length(self) -> bool:
        headers = self._answer.headers
        return "Content-Length" in headers or "Transfer-Encoding" in headers
