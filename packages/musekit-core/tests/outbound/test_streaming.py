"""Answers that are read as they come: whole or said to be broken, guarded, and held back."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from musekit.kernel.outbound.client import (
    Interrupted,
    NotSent,
    Outbound,
    OutboundClient,
    Refused,
    TooLarge,
)
from musekit.kernel.outbound.streaming import HIGH
from musekit.kernel.settings import CoreSettings

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[True, False], ids=["uvloop", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Server:
    url = ""
    connections = 0
    requests = 0
    sent = 0


@contextlib.asynccontextmanager
async def serving(handler: Callable[..., Awaitable[None]]) -> AsyncIterator[Server]:
    """Serve requests, one after the other on each connection, each by `handler`."""
    made = Server()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        with contextlib.suppress(
            asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError
        ):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                made.requests += 1
                await handler(made, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/events"
    try:
        yield made
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def client_for(server: Server, tmp_path: Path) -> AsyncIterator[OutboundClient]:
    host = server.url.split("/")[2]
    settings = CoreSettings(mode="test", data_dir=tmp_path, outbound_allow=[host])
    async with Outbound(settings).open() as client:
        yield client


async def test_pieces_come_as_they_are_sent(tmp_path: Path) -> None:
    more = asyncio.Event()

    async def handle(server: Server, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + chunk(b"one"))
        await more.wait()
        writer.write(chunk(b"two") + b"0\r\n\r\n")

    async with serving(handle) as server, client_for(server, tmp_path) as client:
        for _ in range(2):
            more.clear()
            async with client.stream("GET", server.url) as answer:
                assert answer.status_code == 200
                pieces = answer.aiter_bytes()
                assert await anext(pieces) == b"one"  # before the other side has gone on
                more.set()
                assert [piece async for piece in pieces] == [b"two"]
        assert (server.connections, server.requests) == (1, 2)  # kept alive


async def test_a_packed_answer_is_unpacked(tmp_path: Path) -> None:
    packed = gzip.compress(b"words " * 1000)

    async def handle(server: Server, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n"))
        for start in range(0, len(packed), 7):
            writer.write(chunk(packed[start : start + 7]))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async with serving(handle) as server, client_for(server, tmp_path) as client:
        async with client.stream("GET", server.url) as answer:
            assert await answer.aread() == b"words " * 1000
        with pytest.raises(TooLarge):
            async with client.stream("GET", server.url, limit=5999) as answer:
                await answer.aread()


async def test_a_cut_is_told_after_what_came(tmp_path: Path) -> None:
    cut = asyncio.Event()

    async def handle(server: Server, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + chunk(b"half"))
        await cut.wait()
        writer.transport.abort()

    async with (
        serving(handle) as server,
        client_for(server, tmp_path) as client,
        client.stream("GET", server.url) as answer,
    ):
        pieces = answer.aiter_bytes()
        assert await anext(pieces) == b"half"
        cut.set()
        with pytest.raises(Interrupted, match="not whole"):
            await anext(pieces)


async def test_a_cut_before_the_answer_may_have_been_carried_out(tmp_path: Path) -> None:
    async def handle(server: Server, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with serving(handle) as server, client_for(server, tmp_path) as client:
        with pytest.raises(Interrupted, match="may have been carried out"):
            async with client.stream("POST", server.url, json={}):
                pass


async def test_both_limits_of_time_hold(tmp_path: Path) -> None:
    async def never(server: Server, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async def drip(server: Server, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED)
        while True:
            writer.write(chunk(b"."))
            await asyncio.sleep(0.02)

    async with serving(never) as server, client_for(server, tmp_path) as client:
        with pytest.raises(Interrupted, match="no answer in time"):
            async with client.stream("GET", server.url, first_byte_timeout=0.1):
                pass
    async with serving(drip) as server, client_for(server, tmp_path) as client:
        with pytest.raises(Interrupted, match="no answer in time"):
            async with client.stream("GET", server.url, total_timeout=0.2) as answer:
                await answer.aread()


async def test_leaving_early_drops_the_connection(tmp_path: Path) -> None:
    gone = asyncio.Event()

    async def handle(server: Server, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED)
        try:
            while True:
                writer.write(chunk(b"more"))
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            gone.set()

    async with serving(handle) as server, client_for(server, tmp_path) as client:
        async with client.stream("GET", server.url) as answer:
            assert await answer.aread(4) == b"more"
        async with asyncio.timeout(5):
            await gone.wait()


async def test_who_reads_slowly_holds_the_other_side_back(tmp_path: Path) -> None:
    whole = 32 * 1024 * 1024

    async def handle(server: Server, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED)
        for _ in range(whole // 65536):
            writer.write(chunk(b"x" * 65536))
            await writer.drain()
            server.sent += 65536
        writer.write(b"0\r\n\r\n")

    async with serving(handle) as server, client_for(server, tmp_path) as client:
        async with client.stream("GET", server.url, limit=whole) as answer:
            pieces = answer.aiter_bytes()
            size = len(await anext(pieces))
            await asyncio.sleep(0.5)
            assert answer._connection._waiting <= HIGH + 1024 * 1024
            assert server.sent < whole / 2  # the rest waits at the other side
            async for piece in pieces:
                size += len(piece)
        assert size == whole


async def test_the_guard_stands_before_streams_too(tmp_path: Path) -> None:
    reached = 0

    async def handle(server: Server, writer: asyncio.StreamWriter) -> None:
        nonlocal reached
        reached += 1
        where = server.url.replace("127.0.0.1", "localhost")
        writer.write(
            b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n" % where.encode()
        )

    async with serving(handle) as server, client_for(server, tmp_path) as client:
        async with client.stream("GET", server.url) as answer:
            assert answer.status_code == 302  # told, not followed
        for url in (server.url.replace("127.0.0.1", "localhost"), "http://169.254.169.254/latest"):
            with pytest.raises(Refused):
                async with client.stream("GET", url):
                    pass
    assert reached == 1
    with pytest.raises(NotSent):
        async with client.stream("GET", server.url):
            pass


async def test_a_client_of_httpx_goes_the_guarded_way(tmp_path: Path) -> None:
    import httpx2

    from musekit.kernel.outbound.httpx_transport import make_httpx

    async def handle(server: Server, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + chunk(b"one\n") + chunk(b"two\n"))
        await writer.drain()
        if server.requests > 1:
            writer.transport.abort()
        else:
            writer.write(b"0\r\n\r\n")

    async with serving(handle) as server, client_for(server, tmp_path) as client:
        http = make_httpx(client, first_byte_timeout=5, total_timeout=5)
        async with http.stream("GET", server.url) as answer:
            assert [line async for line in answer.aiter_lines()] == ["one", "two"]
        with pytest.raises(httpx2.ReadError):
            async with http.stream("GET", server.url) as answer:
                await answer.aread()
        with pytest.raises(httpx2.ConnectError, match="not a public address"):
            await http.get("http://10.0.0.1/")
