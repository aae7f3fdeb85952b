"""Not sent, or perhaps carried out: told apart against a server that cuts at every point."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import re
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from musekit.kernel.outbound.client import (
    Interrupted,
    NotSent,
    Outbound,
    OutboundClient,
    Refused,
    TooLarge,
)
from musekit.kernel.settings import CoreSettings

Handler = Callable[["Wire"], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
METHODS = ["GET", "POST", "PUT", "DELETE"]


class Wire:
    """One connection, as the server sees it."""

    def __init__(self, server: Server, r: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, r, w

    async def head(self) -> bytes:
        data = await self.reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"x-call: (\S+)", data, re.IGNORECASE)
        self.server.requests[found[1].decode() if found else ""] += 1
        return data

    async def request(self) -> tuple[bytes, bytes]:
        head = await self.head()
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        return head, await self.reader.readexactly(int(length[1]) if length else 0)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Close with RST, as a process that was killed."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.writer.transport.abort()


class Server:
    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.connections = 0
        self.url = ""


@contextlib.asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            await handler(Wire(server, reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, limit=1 << 20)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield server
    finally:
        listening.close()
        for task in list(tasks):
            task.cancel()


def run(
    tmp_path: Path,
    handler: Handler,
    use: Callable[[OutboundClient, Server], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
    limit: int = 100,
    **more: Any,
) -> None:
    async def main() -> None:
        outbound = Outbound(CoreSettings(mode="test", data_dir=tmp_path, **more))
        async with serving(handler, tls) as server, outbound.open(limit) as client:
            outbound.allow("127.0.0.1", int(server.url.rpartition(":")[2]))
            await asyncio.wait_for(use(client, server), 30)

    asyncio.run(main())


async def _close_at_accept(wire: Wire) -> None:
    pass


async def _reset_at_accept(wire: Wire) -> None:
    wire.reset()


async def _after_head(wire: Wire) -> None:
    await wire.head()


async def _mid_body(wire: Wire) -> None:
    await wire.head()
    await wire.reader.read(1000)
    wire.reset()


async def _after_request(wire: Wire) -> None:
    await wire.request()


async def _reset_after_request(wire: Wire) -> None:
    await wire.request()
    wire.reset()


async def _mid_status(wire: Wire) -> None:
    await wire.request()
    await wire.send(b"HTTP/1.1 20")


async def _mid_headers(wire: Wire) -> None:
    await wire.request()
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Le")


async def _mid_answer(wire: Wire) -> None:
    await wire.request()
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


async def _mid_chunk(wire: Wire) -> None:
    await wire.request()
    await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")


async def _garbage(wire: Wire) -> None:
    await wire.request()
    await wire.send(b"\x00\x01\x02 this is not HTTP\r\n\r\n")


async def _bad_gzip(wire: Wire) -> None:
    await wire.request()
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello")


async def _silence(wire: Wire) -> None:
    await wire.request()
    await asyncio.sleep(60)


async def _slow_answer(wire: Wire) -> None:
    await wire.request()
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    for _ in range(100):
        await wire.send(b"x")
        await asyncio.sleep(0.2)


CUTS = [
    _close_at_accept, _reset_at_accept, _after_head, _mid_body, _after_request,
    _reset_after_request, _mid_status, _mid_headers, _mid_answer, _mid_chunk, _garbage, _bad_gzip,
    _silence, _slow_answer,
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.__name__[1:])
def test_whatever_happens_after_connecting_counts_as_interrupted(
    tmp_path: Path, cut: Handler, method: str
) -> None:
    async def use(client: OutboundClient, server: Server) -> None:
        body = None if method == "GET" else b"x" * 3_000_000
        with pytest.raises(Interrupted) as caught:
            await client.request(
                method, f"{server.url}/secret-path?secret=query", content=body, timeout=0.4,
                headers={"X-Call": "1", "Authorization": "Bearer secret-token"},
            )  # fmt: skip
        assert server.requests["1"] <= 1
        assert server.connections == 1, "it was sent again over a new connection"
        assert "secret" not in str(caught.value)

    run(tmp_path, cut, use)


def test_nobody_listens(tmp_path: Path) -> None:
    async def use(client: OutboundClient, server: Server) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        client._guard.allow("127.0.0.1", port)
        for method in METHODS:
            with pytest.raises(NotSent):
                await client.request(method, f"http://127.0.0.1:{port}/", timeout=2)

    run(tmp_path, _silence, use)


def test_tls_to_a_plain_server_and_to_one_nobody_vouches_for(tmp_path: Path) -> None:
    async def plain(client: OutboundClient, server: Server) -> None:
        with pytest.raises(NotSent):
            await client.post(server.url.replace("http:", "https:"), json={}, timeout=2)
        assert not server.requests

    async def untrusted(client: OutboundClient, server: Server) -> None:
        with pytest.raises(NotSent, match="TLS"):
            await client.post(server.url, json={}, timeout=5)
        assert not server.requests

    run(tmp_path, _after_request, plain)
    run(tmp_path, _after_request, untrusted, tls=_self_signed(tmp_path))


def _self_signed(folder: Path) -> ssl.SSLContext:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ) + made.public_bytes(serialization.Encoding.PEM)
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_waiting_for_a_connection_of_the_pool_is_not_sending(tmp_path: Path) -> None:
    async def use(client: OutboundClient, server: Server) -> None:
        first = asyncio.create_task(client.get(server.url, timeout=3))
        await asyncio.sleep(0.2)
        with pytest.raises(NotSent):
            await client.post(server.url, json={}, headers={"X-Call": "2"}, timeout=0.3)
        assert server.requests["2"] == 0
        first.cancel()

    run(tmp_path, _silence, use, limit=1)


def test_a_closed_client_sends_nothing(tmp_path: Path) -> None:
    async def use(client: OutboundClient, server: Server) -> None:
        await client._pool.close()
        with pytest.raises(NotSent):
            await client.get(server.url)

    run(tmp_path, _silence, use)


def _answering(closes: str) -> Handler:
    """Answer the first request of each connection; then drop it in one of several ways."""

    async def handle(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)
        if closes == "at once":
            return
        if closes == "reset":
            wire.reset()
            return
        await wire.request()  # "on reuse": the second request arrives, and gets no answer
        if closes == "mid answer":
            await wire.send(b"HTTP/1.1 2")

    return handle


@pytest.mark.parametrize("pause", [0.0, 0.002])
@pytest.mark.parametrize("closes", ["at once", "reset", "on reuse", "mid answer"])
def test_a_kept_connection_that_dies_sends_nothing_twice(
    tmp_path: Path, closes: str, pause: float
) -> None:
    """200 calls of each method over connections the other side drops: none arrives twice."""

    async def use(client: OutboundClient, server: Server) -> None:
        outcomes: Counter[str] = Counter()
        for number in range(200):
            for method in METHODS:
                call = f"{method}-{number}"
                body = {} if method == "GET" else {"json": {"n": number}}
                try:
                    await client.request(
                        method, server.url, headers={"X-Call": call}, timeout=5, **body
                    )
                    outcomes["answered"] += 1
                    assert server.requests[call] == 1
                except Interrupted:
                    outcomes["interrupted"] += 1
                except NotSent:
                    outcomes["not sent"] += 1
                    assert server.requests[call] == 0
                if pause:
                    await asyncio.sleep(pause)
        assert max(server.requests.values()) == 1, server.requests.most_common(3)
        if closes == "on reuse":
            assert outcomes["interrupted"] >= 200, outcomes  # it did reuse connections

    run(tmp_path, _answering(closes), use)


async def _echo(wire: Wire) -> None:
    while True:
        head, body = await wire.request()
        answer = head + b"\n" + body
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)


def test_bodies_headers_and_auth_arrive_as_given(tmp_path: Path) -> None:
    async def use(client: OutboundClient, server: Server) -> None:
        answer = await client.post(f"{server.url}/a", json={"t": "ü ✓"}, params={"q": "a b&c"})
        assert answer.status_code == 200
        assert '{"t":"ü ✓"}' in answer.text
        assert "POST /a?q=a+b%26c HTTP/1.1" in answer.text or "q=a%20b%26c" in answer.text
        assert "Content-Type: application/json" in answer.text
        assert "User-Agent: MuseKit/" in answer.text
        answer = await client.put(server.url, data={"a": "1 2", "b": "ü"}, auth=("me", "pä:ss"))
        assert "a=1+2&b=%C3%BC" in answer.text
        assert "Authorization: Basic bWU6cMOkOnNz" in answer.text
        answer = await client.post(
            server.url, data={"k": "v"}, files={"media": ('a"\r\nb.png', b"\x89PNG\0", "image/png")}
        )
        assert 'name="k"\r\n\r\nv\r\n' in answer.text
        assert 'filename="a%22%0D%0Ab.png"\r\nContent-Type: image/png\r\n\r\n' in answer.text
        assert b"\x89PNG\0\r\n--" in answer.content
        answer = await client.delete(server.url, headers={"X-One": "1"}, content=b"raw")
        assert answer.text.startswith("DELETE / ")
        assert "X-One: 1" in answer.text
        assert server.connections == 1, "connections are kept alive"

    run(tmp_path, _echo, use)


@pytest.mark.parametrize(
    "what",
    [
        {"headers": {"X-A": "a\r\nX-B: b"}}, {"headers": {"X-A": "a\nb"}},
        {"headers": {"X-A\r\nX-B": "a"}}, {"headers": {"X-A": "a\0b"}}, {"headers": {"": "a"}},
        {"headers": {"X A": "b"}}, {"headers": {"Host": "evil.example"}},
        {"headers": {"Content-Length": "5"}}, {"headers": {"transfer-encoding": "chunked"}},
        {"method": "GET / HTTP/1.1\r\nX-A: b\r\n\r\nGET"}, {"method": ""}, {"method": "G ET"},
        {"files": {"a": ("b", b"c", "image/png\r\nX: y")}},
        {"json": {"a": "\ud800"}}, {"json": {"a": float("nan")}}, {"json": {1, 2}},
        {"json": {}, "content": b"x"}, {"json": {}, "data": {"a": "b"}},
    ],
)  # fmt: skip
def test_requests_that_could_be_split_or_cannot_be_encoded_are_refused(
    tmp_path: Path, what: dict[str, Any]
) -> None:
    async def use(client: OutboundClient, server: Server) -> None:
        arguments = dict(what)
        with pytest.raises(Refused):
            await client.request(arguments.pop("method", "POST"), server.url, **arguments)
        assert server.connections == 0

    run(tmp_path, _echo, use)


def _giving(answer: bytes) -> Handler:
    async def handle(wire: Wire) -> None:
        while True:
            await wire.request()
            await wire.send(answer)

    return handle


def test_answers_are_read_up_to_the_limit(tmp_path: Path) -> None:
    bomb = gzip.compress(b"\0" * 20_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n"
    for answer in (
        head % 100_001 + b"\r\n" + b"x" * 100_001,
        head % len(bomb) + b"Content-Encoding: gzip\r\n\r\n" + bomb,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"ffff\r\n" + b"x" * 65535
        + b"\r\nffff\r\n" + b"x" * 65535 + b"\r\n0\r\n\r\n",
    ):  # fmt: skip

        async def use(client: OutboundClient, server: Server) -> None:
            with pytest.raises(TooLarge):
                await client.get(server.url)

        run(tmp_path, _giving(answer), use, outbound_body_limit=100_000)

    async def fits(client: OutboundClient, server: Server) -> None:
        assert len((await client.get(server.url)).content) == 100_000

    exact = head % 100_000 + b"\r\n" + b"x" * 100_000
    run(tmp_path, _giving(exact), fits, outbound_body_limit=100_000)


def test_statuses_and_odd_answers_are_answers(tmp_path: Path) -> None:
    async def use(client: OutboundClient, server: Server) -> None:
        answer = await client.get(server.url)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "3"
        assert answer.text == "<html>ü\ufffd"
        with pytest.raises(ValueError, match="."):
            answer.json()

    body = "<html>ü".encode() + b"\xff"
    odd = (
        b"HTTP/1.1 503 No\r\nRetry-After: 3\r\nContent-Type: text/html; charset=nonsense\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body) + body
    )
    run(tmp_path, _giving(odd), use)

    async def nested(client: OutboundClient, server: Server) -> None:
        with pytest.raises(ValueError, match="."):
            (await client.get(server.url)).json()

    deep = b"[" * 100_000
    run(tmp_path, _giving(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + deep), nested)
