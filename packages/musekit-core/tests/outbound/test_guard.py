"""The outbound guard against hostile addresses: judged by who was connected to, not by errors."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from musekit.errors import ConfigurationError
from musekit.kernel.outbound import guard as guard_module
from musekit.kernel.outbound.addresses import is_public
from musekit.kernel.outbound.client import NotSent, Outbound, Refused
from musekit.kernel.outbound.guard import Guard
from musekit.kernel.outbound.pool import Address
from musekit.kernel.settings import CoreSettings

PRIVATE_V4 = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "10.255.255.255", "172.16.0.1",
    "172.31.255.254", "192.168.0.1", "192.168.255.254", "169.254.169.254", "169.254.170.2",
    "100.64.0.1", "100.100.100.200", "192.0.0.1", "192.0.0.192", "192.0.2.1", "198.18.0.1",
    "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255", "168.63.129.16", "192.88.99.1",
]  # fmt: skip
PRIVATE_V6 = [
    "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "fd12:3456:789a::1",
    "ff02::1", "ff0e::1", "2001:db8::1", "2001::1", "2001:0:53aa:64c:0:0:80ff:fffe",
    "3fff::1", "100::1", "5f00::1", "2001:10::1", "2001:20::1", "4000::1", "e000::1",
    "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:7f00:1",
]  # fmt: skip


def spellings(address: str) -> Iterator[str]:
    """All the ways to write one IPv4 address that some resolver or browser understands."""
    a, b, c, d = (int(part) for part in address.split("."))
    whole = int(ipaddress.IPv4Address(address))
    yield address
    yield f"{address}."
    yield str(whole)
    yield hex(whole)
    yield f"0{whole:o}"
    yield f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"
    yield f"0{a:o}.0{b:o}.0{c:o}.0{d:o}"
    yield f"{a}.{(b << 16) + (c << 8) + d}"
    yield f"{a}.{b}.{(c << 8) + d}"
    yield f"{a:03}.{b:03}.{c:03}.{d:03}"
    yield address.translate({ord(str(n)): chr(0xFF10 + n) for n in range(10)})  # full-width
    yield address.replace(".", "。")
    for prefix in ("::ffff:", "::", "64:ff9b::", "::ffff:0:"):
        yield f"[{prefix}{address}]"
        yield f"[{prefix}{(a << 8) + b:x}:{(c << 8) + d:x}]"
    yield f"[2002:{(a << 8) + b:x}:{(c << 8) + d:x}::1]"
    yield f"[64:ff9b:1::{(a << 8) + b:x}:{(c << 8) + d:x}]"


def hostile(port: int) -> list[str]:
    """Return the addresses no call may reach, all on the one port that the guard lets pass."""
    hosts = [spelled for each in PRIVATE_V4 for spelled in spellings(each)]
    hosts += [f"[{each}]" for each in PRIVATE_V6]
    hosts += ["localhost", "LOCALHOST", "localhost.", "a.localhost", "①②⑦.⓪.⓪.①", "[::1%25lo]"]
    urls = [f"http://{host}:{port}/" for host in hosts]
    return urls + [
        f"http://example.com@127.0.0.1:{port}/", f"http://a:b@127.0.0.1:{port}/",
        f"http://127.0.0.1:{port}\\@example.com/", f"http://example.com:80\\@127.0.0.1:{port}/",
        f"http://127.0.0.1:{port}#@example.com/", f"http://127.0.0.1:{port}?@example.com/",
        f"http:127.0.0.1:{port}/", f"http:///127.0.0.1:{port}/", f"//127.0.0.1:{port}/",
        f"ftp://127.0.0.1:{port}/", f"gopher://127.0.0.1:{port}/_x", f"ws://127.0.0.1:{port}/",
        f"unix://127.0.0.1:{port}/", "file:///etc/passwd", "javascript:alert(1)", "data:,x", "",
        "http://", "http://:80/", "http://[", "http://[::1", "http://127.0.0.1:99999/",
        f"http://127.0.0.1:{port}/\r\nX: y", f" http://127.0.0.1:{port}/",
        f"http://127.0.0.1 :{port}/", f"http://127.0.0.1\t:{port}/", f"http://\x00127.0.0.1:{port}",
    ]  # fmt: skip


class Names:
    """A resolver with scripted answers; each name's list is worked off, the last one stays."""

    def __init__(self, answers: dict[str, list[list[str]]]) -> None:
        self.answers, self.asked = answers, []

    async def resolve(self, host: str, port: int) -> list[Address]:
        self.asked.append(host)
        script = self.answers.get(host)
        if not script:
            raise OSError("no such name")
        found = script.pop(0) if len(script) > 1 else script[0]
        return [(socket.AF_INET6 if ":" in each else socket.AF_INET, each) for each in found]

    async def close(self) -> None:
        pass


class Everything(Names):
    """Resolves each name as the system would if all of them were ours."""

    async def resolve(self, host: str, port: int) -> list[Address]:
        self.answers = {host: [["127.0.0.1"]]}
        return await super().resolve(host, port)


_connects: list[Any] = []
_watching = False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event == "socket.connect" and isinstance(arguments[1], tuple):
        _connects.append(arguments[1][0])


sys.addaudithook(_audit)


@pytest.fixture
def connects() -> Iterator[list[Any]]:
    """The addresses this process connects to, as the interpreter itself reports them."""
    global _watching
    _connects.clear()
    _watching = True
    yield _connects
    _watching = False


class Listener:
    def __init__(self) -> None:
        self.accepted = 0
        self.port = 0
        self.heads: list[bytes] = []

    async def __aenter__(self) -> Listener:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(
                    b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/next\r\n"
                    b"Set-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def settings(tmp_path: Path, *allow: str) -> CoreSettings:
    return CoreSettings(mode="test", data_dir=tmp_path, outbound_allow=list(allow))


def test_hostile_addresses_are_never_connected_to(
    tmp_path: Path, connects: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with Listener() as listener:
            # Let the port rule stand aside, so that the rule about addresses is what holds.
            monkeypatch.setattr(
                guard_module, "PORTS", {"http": listener.port, "https": listener.port}
            )
            urls = hostile(listener.port)
            assert len(urls) >= 500
            outbound = Outbound(settings(tmp_path), resolver=Everything({}))
            async with outbound.open() as client:
                for url in urls:
                    for method in ("GET", "POST"):
                        with pytest.raises(NotSent):
                            await client.request(method, url, timeout=2)
                assert listener.accepted == 0
                assert connects == []
                # The same listener, once allowed, does answer: it would have noticed.
                outbound.allow("127.0.0.1", listener.port)
                assert (await client.get(f"http://127.0.0.1:{listener.port}/")).status_code == 302
                assert listener.accepted == 1
                assert connects == ["127.0.0.1"]

    asyncio.run(run())


@pytest.mark.parametrize(
    "answers",
    [
        ["10.0.0.1"], ["127.0.0.1"], ["169.254.169.254"], ["::1"], ["fd00:ec2::254"],
        ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["2606:4700::1111", "::1"],
        ["8.8.8.8", "::ffff:127.0.0.1"], ["8.8.8.8", "fe80::1%2"],
    ],
)  # fmt: skip
def test_names_with_any_private_answer_are_refused(
    tmp_path: Path, connects: list[Any], answers: list[str]
) -> None:
    async def run() -> None:
        outbound = Outbound(settings(tmp_path), resolver=Names({"evil.example": [answers]}))
        async with outbound.open() as client:
            for url in ("http://evil.example/", "https://evil.example/"):
                with pytest.raises(Refused):
                    await client.post(url, json={})

    asyncio.run(run())
    assert connects == []


def test_rebinding_finds_no_second_resolution(
    tmp_path: Path, connects: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check and connection use one answer; the second answer is judged like the first."""

    async def run() -> None:
        async with Listener() as listener:
            monkeypatch.setattr(guard_module, "PORTS", {"http": listener.port})
            # 127.0.0.1 plays the public address here, so that somebody answers there.
            monkeypatch.setattr(guard_module, "is_public", lambda each: each == "127.0.0.1")
            names = Names({"rebind.example": [["127.0.0.1"], ["10.9.9.9"]]})
            outbound = Outbound(settings(tmp_path), resolver=names)
            url = f"http://rebind.example:{listener.port}/"
            async with outbound.open() as client:
                await client.get(url)
            assert names.asked == ["rebind.example"]
            assert b"Host: rebind.example" in listener.heads[0]
            async with outbound.open() as client:
                with pytest.raises(Refused):
                    await client.get(url)
            assert connects == ["127.0.0.1"]

    asyncio.run(run())


def test_the_second_wall_holds_when_an_address_slips_through(
    tmp_path: Path, connects: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with Listener() as listener:
            monkeypatch.setattr(Guard, "check_answers", lambda *a: None)  # as if it were faulty
            monkeypatch.setattr(guard_module, "PORTS", {"http": listener.port})
            names = Names({"evil.example": [["127.0.0.1"]]})
            async with Outbound(settings(tmp_path), resolver=names).open() as client:
                with pytest.raises(NotSent):
                    await client.get(f"http://evil.example:{listener.port}/")
            assert (listener.accepted, connects) == (0, [])

    asyncio.run(run())


def test_redirects_are_not_followed_and_cookies_not_kept(tmp_path: Path) -> None:
    async def run() -> None:
        async with Listener() as listener:
            outbound = Outbound(settings(tmp_path, f"127.0.0.1:{listener.port}"))
            async with outbound.open() as client:
                for _ in range(2):
                    answer = await client.get(f"http://127.0.0.1:{listener.port}/")
                    assert answer.status_code == 302
                    assert answer.headers["LOCATION"] == "http://127.0.0.1/next"
            assert len(listener.heads) == 2
            assert not any(b"cookie" in head.lower() for head in listener.heads)

    asyncio.run(run())


def test_environment_proxies_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connects: list[Any]
) -> None:
    async def run() -> None:
        async with Listener() as proxy, Listener() as listener:
            for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            outbound = Outbound(settings(tmp_path, f"127.0.0.1:{listener.port}"))
            async with outbound.open() as client:
                await client.get(f"http://127.0.0.1:{listener.port}/")
            assert (proxy.accepted, listener.accepted) == (0, 1)

    asyncio.run(run())


def test_the_allow_list_is_exact(tmp_path: Path) -> None:
    guard = Guard(["blog.lan:8080", "[::1]:9000", "10.0.0.5:443"])
    guard.check("http://blog.lan:8080/x")
    guard.check("http://BLOG.lan.:8080/x")
    guard.check("http://[::1]:9000/")
    guard.check("https://10.0.0.5/")
    guard.check_answers("blog.lan", 8080, ["192.168.1.4"])
    for url in (
        "http://blog.lan:8081/", "http://x.blog.lan:8080/", "http://10.0.0.5/",
        "http://[::1]:9001/", "https://10.0.0.6/", "http://example.com:8080/",
    ):  # fmt: skip
        with pytest.raises(Refused):
            guard.check(url)
    for host, port in (("blog.lan", 80), ("blog2.lan", 8080)):
        with pytest.raises(Refused):
            guard.check_answers(host, port, ["192.168.1.4"])
    for wrong in ("blog.lan", "http://blog.lan:80", "blog.lan:", ":80", "*"):
        with pytest.raises(ConfigurationError):
            Guard([wrong])


def test_public_addresses_pass() -> None:
    for address in ("8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450::200e"):
        assert is_public(address), address
    guard = Guard()
    for url in ("https://example.com/", "http://example.com/a?b=c", "https://8.8.8.8/",
                "https://bücher.example/", "http://[2606:4700::1111]/"):  # fmt: skip
        guard.check(url)


@pytest.mark.parametrize("address", [*PRIVATE_V4, *PRIVATE_V6, "fe80::1%eth0", "", "x"])
def test_private_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)
