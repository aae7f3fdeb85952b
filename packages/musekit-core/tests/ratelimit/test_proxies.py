"""D19: whose address is counted, whatever headers claim; and names that are not ours."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.support.deployment import wait_for

from musekit.kernel.ratelimit.keys import address_of
from musekit.kernel.serving import options
from musekit.kernel.settings import CoreSettings

#: What a liar sends: each claims to be somebody else.
FORGED: tuple[list[tuple[str, str]], ...] = (
    [("X-Forwarded-For", "198.51.100.7")],
    [("X-Forwarded-For", "198.51.100.7, 198.51.100.8")],
    [("X-Forwarded-For", "127.0.0.1")],
    [("X-Forwarded-For", "127.0.0.1, 127.0.0.1")],
    [("X-Forwarded-For", "::1")],
    [("X-Forwarded-For", "[2001:db8::1]:443")],
    [("X-Forwarded-For", "198.51.100.7:4711")],
    [("X-Forwarded-For", "unknown")],
    [("X-Forwarded-For", "_hidden")],
    [("X-Forwarded-For", "")],
    [("X-Forwarded-For", ",")],
    [("X-Forwarded-For", "127.0.0.1\t,\t198.51.100.7")],
    [("X-Forwarded-For", "a" * 5000)],
    [("x-forwarded-FOR", "198.51.100.7")],
    [("X-Forwarded-For", "198.51.100.7"), ("X-Forwarded-For", "198.51.100.8")],
    [("Forwarded", "for=198.51.100.7;proto=https")],
    [("X-Real-IP", "198.51.100.7")],
    [("True-Client-IP", "198.51.100.7"), ("CF-Connecting-IP", "198.51.100.7")],
    [("X-Client-IP", "198.51.100.7"), ("X-Cluster-Client-IP", "198.51.100.7")],
    [("X-Forwarded", "for=198.51.100.7"), ("Forwarded-For", "198.51.100.7")],
    [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https")],
    [("X-Original-Forwarded-For", "198.51.100.7"), ("Via", "1.1 198.51.100.7")],
)  # fmt: skip
Ask = Callable[[list[tuple[str, str]]], dict[str, str]]


async def _who(request: Request) -> Response:
    return JSONResponse({"address": address_of(request), "scheme": request.url.scheme})


@contextmanager
def served(settings: CoreSettings) -> Iterator[Ask]:
    """Serve an application that says who is counted, as `musekit serve` would."""
    app = Starlette(routes=[Route("/", _who)])
    config = uvicorn.Config(app, port=0, lifespan="off", **options(settings))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started, 20, pause=0.02)
    port = server.servers[0].sockets[0].getsockname()[1]

    def ask(headers: list[tuple[str, str]]) -> dict[str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.putrequest("GET", "/")
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        found: dict[str, str] = json.loads(answer.read())
        connection.close()
        return found

    try:
        yield ask
    finally:
        server.should_exit = True
        thread.join(15)


def given(*proxies: str) -> CoreSettings:
    return CoreSettings(mode="test", trusted_proxies=list(proxies))


def test_without_named_proxies_nobody_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn's own variable is not ours
    with served(given()) as ask:
        for headers in FORGED:
            assert ask(headers) == {"address": "127.0.0.1", "scheme": "http"}, headers


def test_who_comes_past_the_proxy_is_not_believed() -> None:
    with served(given("10.0.0.0/8", "2001:db8::/32")) as ask:
        for headers in FORGED:
            assert ask(headers) == {"address": "127.0.0.1", "scheme": "http"}, headers


@pytest.mark.parametrize("trusted", [("127.0.0.1",), ("127.0.0.0/8", "10.0.0.0/8")])
def test_behind_a_named_proxy_its_word_counts_and_not_the_clients(trusted) -> None:
    """The proxy adds the address it sees to the end of what the client claims."""
    with served(given(*trusted)) as ask:
        for headers in FORGED:
            claims = [value for name, value in headers if name.lower() == "x-forwarded-for"]
            honest = [("X-Forwarded-For", ", ".join([*claims, "203.0.113.9"]))]
            others = [each for each in headers if each[0].lower() != "x-forwarded-for"]
            assert ask([*others, *honest])["address"] == "203.0.113.9", headers
            # Proxies that add a line of their own, in place of an entry, mean the same.
            own_line = [*headers, ("X-Forwarded-For", "203.0.113.9")]
            assert ask(own_line)["address"] == "203.0.113.9", headers
        assert ask([("X-Forwarded-For", "203.0.113.9:51342")])["address"] == "203.0.113.9"
        assert ask([("X-Forwarded-For", "2001:db8:1:2::9")])["address"] == "2001:db8:1:2::/64"
        assert ask([("X-Forwarded-Proto", "https")])["scheme"] == "https"


def test_of_a_chain_of_named_proxies_the_first_stranger_counts() -> None:
    with served(given("127.0.0.1", "10.0.0.0/8")) as ask:
        chain = "198.51.100.7, 203.0.113.9, 10.1.2.3, 10.9.9.9"
        assert ask([("X-Forwarded-For", chain)])["address"] == "203.0.113.9"
        unnamed = "198.51.100.7, 203.0.113.9, 192.0.2.1, 10.9.9.9"
        assert ask([("X-Forwarded-For", unnamed)])["address"] == "192.0.2.1"


NAMES = (
    "evil.example", "127.0.0.1.evil.example", "evil.example:80", "localhost.evil.example",
    "social.example.com.evil.example", "evil-social.example.com", "social.example.com@evil.example",
    "evil.example/social.example.com", "social.example.com#evil.example", "social.example.com,evil",
    "social.example.com evil.example", "*.example.com", "*", "", " ", ".", "..", "com",
    "example.com", "xsocial.example.com", "social.example.com.", "social.example.comx",
    "[::2]", "[::1", "0", "2130706433", "10.0.0.1", "169.254.169.254",
    "social.example.com:80:80", "social.example.com:x",
    "sοcial.example.com".encode().decode("latin-1"),
)  # fmt: skip


@pytest.mark.parametrize("backend", ["sqlite"])
def test_names_that_are_not_ours_are_refused(settings) -> None:
    from fastapi.testclient import TestClient

    from musekit.kernel.app import create_app
    from musekit.kernel.build import build_host

    ours = settings.model_copy(
        update={"public_url": "https://social.example.com", "trusted_hosts": ["api.example.com"]}
    )
    host = build_host(ours, plugins=["musekit"])
    try:
        with TestClient(create_app(host)) as client:
            assert len(set(NAMES)) >= 30
            for name in NAMES:
                raw = [(b"host", name.encode("latin-1")), (b"x-forwarded-host", b"api.example.com")]
                answer = client.get("/sign-in", headers=raw)
                assert answer.status_code == 400, name
                assert name not in answer.text or len(name.strip()) < 5
            for name in ("social.example.com", "API.example.com:8443"):
                assert client.get("/sign-in", headers={"Host": name}).status_code == 200
    finally:
        host.close()
