"""The only way out: an HTTP client of httpx's shape, guarded.

It follows no redirects, keeps no cookies, reads no proxy or netrc settings and sends nothing
twice. It tells apart exactly whether a failed call can have reached the other side.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import version
from typing import Any

from yarl import URL

from musekit.kernel.outbound.body import Files, check_method, make_body, make_headers
from musekit.kernel.outbound.errors import Interrupted, NotSent, Refused, TooLarge
from musekit.kernel.outbound.guard import Guard
from musekit.kernel.outbound.pool import Pool, Resolver
from musekit.kernel.outbound.resolver import SystemResolver
from musekit.kernel.outbound.response import Response
from musekit.kernel.settings import CoreSettings

__all__ = [
    "Interrupted",
    "NotSent",
    "Outbound",
    "OutboundClient",
    "Refused",
    "Response",
    "TooLarge",
]

DEFAULT_TIMEOUT = 30.0


class OutboundClient:
    """Sends requests through one pool of connections; of one event loop, made by `Outbound.open`.

    Fulfils the client protocol of platform packages.
    """

    def __init__(self, pool: Pool, guard: Guard, agent: str, limit: int):
        self._pool, self._guard, self._agent, self._limit = pool, guard, agent, limit
        self._loop = asyncio.get_running_loop()

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: Mapping[str, str] | None = None,
        files: Files | None = None,
        content: bytes | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        limit: int | None = None,
    ) -> Response:
        """Send one request, once, and read the whole answer.

        Args:
            params: added to the query of `url`.
            json: sent as a JSON body. `data`: as a form. `files`: field → (name, bytes, type), as
                multipart together with `data`. `content`: raw. At most one kind of body.
            auth: user and password for HTTP Basic.
            timeout: seconds for the whole call; None: 30.
            limit: bytes of the answer that are read at most; None: `outbound_body_limit`.

        Raises:
            NotSent: certainly no byte of the request was written.
            Interrupted: it may have been carried out.
        """
        method = check_method(method)
        target = self._guard.check(url)
        if params:
            target = target.extend_query(params)
        made = make_headers(self._agent, headers, auth)
        body = make_body(made, json, data, files, content)
        head = _head(method, target, made, body)
        ends = self._loop.time() + (DEFAULT_TIMEOUT if timeout is None else timeout)
        origin = target.scheme, target.raw_host or "", target.port or 0
        connection = self._pool.idle(origin)
        try:
            if self._pool.closed:
                raise NotSent("The HTTP client is closed.")
            if connection is None:
                async with asyncio.timeout_at(ends):
                    connection = await self._pool.connect(origin)
        except (OSError, TimeoutError, ValueError) as error:
            raise NotSent(
                f"{method} {target.origin()}: {_why(error)}. The request was not sent."
            ) from None
        clock = self._loop.call_at(ends, connection.expire)
        try:
            answer = await connection.exchange(
                head, body or b"", bodiless=method == "HEAD", limit=limit or self._limit
            )
        except TooLarge:
            raise
        except (Interrupted, OSError, TimeoutError) as error:
            raise Interrupted(
                f"{method} {target.origin()}: {_why(error)}. It may have been carried out."
            ) from None
        finally:
            clock.cancel()
            self._pool.release(origin, connection)
        content = answer.body[0] if len(answer.body) == 1 else b"".join(answer.body)
        return Response(answer.status, answer.headers, content)

    async def get(self, url: str, **kwargs: Any) -> Response:
        """Send a GET; arguments as for `request`."""
        return await self.request("GET", url, **kwargs)

    async def post(self, url: str, **kwargs: Any) -> Response:
        """Send a POST; arguments as for `request`."""
        return await self.request("POST", url, **kwargs)

    async def put(self, url: str, **kwargs: Any) -> Response:
        """Send a PUT; arguments as for `request`."""
        return await self.request("PUT", url, **kwargs)

    async def delete(self, url: str, **kwargs: Any) -> Response:
        """Send a DELETE; arguments as for `request`."""
        return await self.request("DELETE", url, **kwargs)


class Outbound:
    """Opens guarded clients, all under one guard. One per host.

    Args:
        settings: `outbound_allow` and `outbound_body_limit` are read.
        resolver: resolves names in place of the system's resolver, for tests.
    """

    def __init__(self, settings: CoreSettings, *, resolver: Resolver | None = None) -> None:
        self.guard = Guard(settings.outbound_allow)
        self._limit = settings.outbound_body_limit
        self._resolver = resolver
        self._agent = f"MuseKit/{version('musekit-core')} (+{settings.public_url})"

    def allow(self, host: str, port: int) -> None:
        """Let calls reach exactly this host and port: the process's own address in a demo."""
        self.guard.allow(host, port)

    @contextlib.asynccontextmanager
    async def open(self, limit: int = 100) -> AsyncIterator[OutboundClient]:
        """Open a client for the running event loop, with at most `limit` connections."""
        pool = Pool(self.guard, self._resolver or SystemResolver(), limit)
        try:
            yield OutboundClient(pool, self.guard, self._agent, self._limit)
        finally:
            await pool.close()


def _head(method: str, target: URL, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """Return request line and headers. All of them are checked: none can break out of its line."""
    lines = [
        f"{method} {target.raw_path_qs} HTTP/1.1",
        f"Host: {target.host_port_subcomponent}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if body is not None or method in {"POST", "PUT", "PATCH"}:
        lines.append(f"Content-Length: {len(body or b'')}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _why(error: BaseException) -> str:
    """Say what went wrong, in words that hold no part of the address but its host."""
    if isinstance(error, Interrupted):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "the name does not resolve"
    if isinstance(error, ssl.SSLError):  # a certificate that is not trusted is one of them
        return "no secure connection (TLS)"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
