"""A TCP proxy that cuts connections: after the server has answered, before the client hears it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class CuttingProxy:
    """Forwards to a server; while `cut` is positive, answers to matching requests are swallowed.

    A swallowed answer means that the server has done the work and the client cannot know.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.port = 0
        self.cut = 0
        self.match = b""  #: only requests whose first bytes hold this are cut
        self.swallowed = 0

    async def serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        server = await asyncio.start_server(self._client, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await stop.wait()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target)
        doomed = False

        async def upstream() -> None:
            nonlocal doomed
            while data := await reader.read(65536):
                if self.cut > 0 and self.match in data:
                    self.cut -= 1
                    doomed = True
                up_writer.write(data)
                await up_writer.drain()
            up_writer.close()

        async def downstream() -> None:
            while data := await up_reader.read(65536):
                if doomed:
                    self.swallowed += 1
                    break
                writer.write(data)
                await writer.drain()
            writer.close()

        tasks = [asyncio.create_task(upstream()), asyncio.create_task(downstream())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for side in (writer, up_writer):
            side.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def cutting_proxy(port: int) -> Iterator[CuttingProxy]:
    """Run a proxy before a port of 127.0.0.1, in a thread of its own."""
    proxy, ready = CuttingProxy(port), threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def run() -> None:
        loop.run_until_complete(proxy.serve(ready, stop))
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
