"""A load generator that costs little: kept-alive connections, whole requests prepared before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

from musekit.kernel.portal import loop_factory


@dataclass
class Took:
    """What a run of requests took."""

    requests: int
    seconds: float  #: from the first byte sent to the last received
    each: list[float] = field(repr=False)  #: milliseconds of each request
    sample: bytes = field(repr=False)  #: the last answer's body


def request(port: int, method: str, path: str, token: str, body: bytes | None = None) -> bytes:
    """Return the bytes of an HTTP request."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        "Accept: application/json\r\n"
    )
    if body is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + (body or b"")


class _Caller(asyncio.Protocol):
    """Sends one request after the other over one connection."""

    def __init__(self, requests: Iterator[bytes], status: int, took: list[float]) -> None:
        self.requests, self.status, self.took = requests, status, took
        self.buffer, self.sample, self.began = b"", b"", 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        self._next()

    def _next(self) -> None:
        following = next(self.requests, None)
        if following is None:
            self.transport.close()
            self.done.set_result(None)
            return
        self.began = time.perf_counter()
        self.transport.write(following)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self.took.append((time.perf_counter() - self.began) * 1000)
        self.buffer, self.sample = b"", body
        if int(head[9:12]) != self.status:
            self.done.set_exception(RuntimeError(f"{head.decode()}\n\n{body.decode()}"))
            self.transport.close()
            return
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))


def drive(port: int, requests: Iterable[bytes], *, status: int, concurrency: int = 8) -> Took:
    """Send requests over `concurrency` connections, each the next when it has its answer.

    Raises:
        RuntimeError: an answer has another status than `status`.
    """

    async def run() -> Took:
        loop, took, left = asyncio.get_running_loop(), list[float](), iter(requests)
        began = time.perf_counter()
        opened = await asyncio.gather(
            *(loop.create_connection(lambda: _Caller(left, status, took), "127.0.0.1", port)
              for _ in range(concurrency))
        )  # fmt: skip
        callers = [caller for _, caller in opened]
        await asyncio.gather(*(caller.done for caller in callers))
        seconds = time.perf_counter() - began
        return Took(len(took), seconds, took, callers[0].sample)

    return asyncio.Runner(loop_factory=loop_factory()).run(run())
