"""The only way out: an HTTP client of httpx's shape, guarded.

It follows no redirects, keeps no cookies, reads no proxy or netrc settings and sends nothing
twice. It tells apart exactly whether a failed call can have reached the other side.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from typing import Any

from musekit.kernel.outbound.body import (
    Files,
    check_method,
    make_body,
    make_head,
    make_headers,
)
from musekit.kernel.outbound.errors import Interrupted, NotSent, Refused, TooLarge, why
from musekit.kernel.outbound.guard import Guard
from musekit.kernel.outbound.pool import Pool, Resolver
from musekit.kernel.outbound.resolver import SystemResolver
from musekit.kernel.outbound.response import Response
from musekit.kernel.outbound.streaming import StreamedResponse, Streams
from musekit.kernel.settings import CoreSettings

__all__ = [
    "Interrupted",
    "NotSent",
    "Outbound",
    "OutboundClient",
    "Refused",
    "Response",
    "StreamedResponse",
    "TooLarge",
]

DEFAULT_TIMEOUT = 30.0


class OutboundClient:
    """Sends requests through one pool of connections; of one event loop, made by `Outbound.open`.

    Fulfils the client protocol of platform packages.
    """

    def __init__(self, pool: Pool, streams: Streams, guard: Guard, agent: str, limit: int):
        self._pool, self._guard, self._agent, self._limit = pool, guard, agent, limit
        self._streams = streams
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
        head = make_head(method, target, made, body)
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
                f"{method} {target.origin()}: {why(error)}. The request was not sent."
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
                f"{method} {target.origin()}: {why(error)}. It may have been carried out."
            ) from None
        finally:
            clock.cancel()
            self._pool.release(origin, connection)
        content = answer.body[0] if len(answer.body) == 1 else b"".join(answer.body)
        return Response(answer.status, answer.headers, content)

    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        first_byte_timeout: float = DEFAULT_TIMEOUT,
        total_timeout: float = 300.0,
        limit: int | None = None,
    ) -> AbstractAsyncContextManager[StreamedResponse]:
        """Send one request, once; in the ``async with`` its answer is read as it comes.

        Leaving before the answer's end drops the connection. Who reads slowly holds the other
        side back.

        Args:
            first_byte_timeout: seconds until the answer's headers are there.
            total_timeout: seconds until the answer's end.
            others: as for `request`.

        Raises:
            NotSent: certainly no byte of the request was written.
            Interrupted: it may have been carried out; while reading: the rest will not come.
        """
        return self._streams.open(
            method, url, headers=headers, json=json, content=content, agent=self._agent,
            first_byte_timeout=first_byte_timeout, total_timeout=total_timeout,
            limit=limit or self._limit,
        )  # fmt: skip

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
        resolver = self._resolver or SystemResolver()
        pool = Pool(self.guard, resolver, limit)
        streams = Streams(self.guard, resolver, limit)
        try:
            yield OutboundClient(pool, streams, self.guard, self._agent, self._limit)
        finally:
            await streams.close()
            await pool.close()
