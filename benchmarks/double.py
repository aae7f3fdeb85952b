"""A platform that takes any post and answers after a fixed delay: the far end of the publish bench.

    python -m benchmarks.double PORT [DELAY_MS]

``GET /stats`` gives requests and distinct texts as JSON, ``POST /reset`` clears them. A bare
protocol, so that the double costs as little as it can of the machine it shares.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import cast

LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
TEXT = re.compile(rb'"text"\s*:\s*"([^"]*)"')


class Counters:
    """What the double has seen since the last reset."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.requests = 0
        self.texts: set[bytes] = set()
        self.open = 0
        self.most_open = 0

    def reset(self) -> None:
        """Forget everything but the delay."""
        self.__init__(self.delay)  # type: ignore[misc]


class Connection(asyncio.Protocol):
    """One kept-alive connection; requests are answered in order, one at a time."""

    def __init__(self, counters: Counters, loop: asyncio.AbstractEventLoop) -> None:
        self.counters, self.loop, self.buffer = counters, loop, b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        """Take whole requests out of the buffer."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            length = LENGTH.search(head)
            total = end + 4 + (int(length[1]) if length else 0)
            if len(self.buffer) < total:
                return
            body, self.buffer = self.buffer[end + 4 : total], self.buffer[total:]
            self._handle(head, body)

    def _handle(self, head: bytes, body: bytes) -> None:
        counters = self.counters
        if head.startswith(b"GET /stats"):
            stats = {
                "requests": counters.requests,
                "distinct": len(counters.texts),
                "most_open": counters.most_open,
            }
            self._answer(200, json.dumps(stats).encode())
        elif head.startswith(b"POST /reset"):
            counters.reset()
            self._answer(200, b"{}")
        elif not head.startswith(b"POST /2/tweets"):
            self._answer(404, b"{}")  # what else a worker asks meanwhile, such as for metrics
        else:
            counters.requests += 1
            counters.open += 1
            counters.most_open = max(counters.most_open, counters.open)
            text = TEXT.search(body)
            if text:
                counters.texts.add(text[1])
            answer = b'{"data":{"id":"%d","text":""}}' % (10**18 + counters.requests)
            self.loop.call_later(counters.delay, self._done, answer)

    def _done(self, answer: bytes) -> None:
        self.counters.open -= 1
        self._answer(201, answer)

    def _answer(self, status: int, body: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (status, len(body), body)
            )


async def main(port: int, delay: float) -> None:
    """Serve until killed."""
    loop, counters = asyncio.get_running_loop(), Counters(delay)
    server = await loop.create_server(
        lambda: Connection(counters, loop), "127.0.0.1", port, backlog=2048
    )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop

        run = uvloop.run
    except ImportError:
        run = asyncio.run  # type: ignore[assignment]
    run(main(int(sys.argv[1]), float(sys.argv[2] if len(sys.argv) > 2 else 50) / 1000))
