"""What the guarded client costs beside bare aiohttp: CPU per POST of JSON, at concurrency 100.

    python -m benchmarks.outbound [--calls 5000] [--concurrency 100] [--rounds 5]

Both run in one process against one local server that answers after 50 ms, in turns, so that a
busy machine slows both. The goal is ≤ 0.2 ms a call for ours, JSON encoding and decoding included.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import aiohttp

from musekit.kernel.outbound.client import Outbound
from musekit.kernel.portal import loop_factory
from musekit.kernel.settings import CoreSettings

ANSWER = b'{"data":{"id":"1234567890123456789","text":"hello"}}'
HEAD = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
BODY = {"text": "A post of usual length, with an emoji ✨ and a link https://example.com/a/b/c" * 2}
HEADERS = {"Authorization": "Bearer 0123456789abcdef0123456789abcdef"}


class _Answering(asyncio.Protocol):
    """Answers each request 50 ms after its last byte."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._data = b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, rest = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        if len(rest) >= length:
            self._data = rest[length:]
            answer = HEAD % len(ANSWER) + ANSWER
            asyncio.get_running_loop().call_later(0.05, self._transport.write, answer)


def _serve(pipe: Connection) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(_Answering, "127.0.0.1", 0, backlog=1000)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.Runner(loop_factory=loop_factory()).run(main())


async def _measure(call: Callable[[], Awaitable[Any]], calls: int, concurrency: int) -> float:
    """Return milliseconds of this process's CPU per call."""
    left = iter(range(calls))

    async def worker() -> None:
        for _ in left:
            await call()

    start = time.process_time()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return (time.process_time() - start) / calls * 1000


async def compare(port: int, calls: int, concurrency: int, rounds: int) -> tuple[float, float]:
    """Return milliseconds per call of bare aiohttp and of ours, the medians of the rounds."""
    url = f"http://127.0.0.1:{port}/2/tweets"
    outbound = Outbound(CoreSettings(mode="test", data_dir=Path(gettempdir())))
    outbound.allow("127.0.0.1", port)
    bare: list[float] = []
    ours: list[float] = []
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=concurrency),
            timeout=aiohttp.ClientTimeout(total=30),
        ) as session,
        outbound.open(concurrency) as client,
    ):

        async def with_aiohttp() -> None:
            async with session.post(url, json=BODY, headers=HEADERS) as answer:
                assert json.loads(await answer.read())["data"]["id"]

        async def with_ours() -> None:
            answer = await client.post(url, json=BODY, headers=HEADERS)
            assert answer.json()["data"]["id"]

        for call in (with_aiohttp, with_ours):
            await _measure(call, concurrency * 3, concurrency)
        for _ in range(rounds):
            bare.append(await _measure(with_aiohttp, calls, concurrency))
            ours.append(await _measure(with_ours, calls, concurrency))
    return statistics.median(bare), statistics.median(ours)


def main() -> None:
    """Run the comparison and print its ratio."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--calls", type=int, default=5000)
    options.add_argument("--concurrency", type=int, default=100)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
    server.start()
    try:
        runner = asyncio.Runner(loop_factory=loop_factory())
        bare, ours = runner.run(
            compare(here.recv(), chosen.calls, chosen.concurrency, chosen.rounds)
        )
    finally:
        server.terminate()
        server.join()
    print(f"bare aiohttp   {bare:.3f} ms CPU per call")
    print(f"guarded client {ours:.3f} ms CPU per call (goal ≤ 0.2)")
    print(f"ratio          {ours / bare:.2f}")


if __name__ == "__main__":
    main()
