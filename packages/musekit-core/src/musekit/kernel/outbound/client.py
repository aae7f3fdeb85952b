"""The only way out: an HTTP client of httpx's shape on aiohttp's transport, guarded.

It follows no redirects, keeps no cookies, reads no proxy or netrc settings and sends nothing
twice. It tells apart exactly whether a failed call can have reached the other side.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.abc import AbstractResolver

from musekit.kernel.outbound.body import Files, check_method, make_body, make_headers
from musekit.kernel.outbound.errors import Interrupted, NotSent, Refused, TooLarge
from musekit.kernel.outbound.guard import Guard, GuardedResolver, guarded_socket
from musekit.kernel.outbound.resolver import SystemResolver
from musekit.kernel.outbound.response import Response
from musekit.kernel.settings import CoreSettings

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

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
#: Seconds an idle connection is kept. Shorter than the 5 s after which Node, uvicorn and Apache
#: drop theirs: a POST that meets such a drop would have to be reported as of unknown outcome.
KEEP_ALIVE = 4.0


@dataclass(slots=True)
class _Call:
    """How far one call has come, as far as is certain."""

    target: tuple[str, int]
    connecting: bool = False
    connected: bool = False


_current: ContextVar[_Call] = ContextVar("musekit_outbound_call")


class _Connector(aiohttp.TCPConnector):
    """Notes when a call has a connection, and gives no call a second one.

    aiohttp 3.14 sends an idempotent request (PUT and DELETE too) again when a kept connection
    broke (`ClientSession._request`, retry_persistent_connection). For us that is a second send.
    """

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        call = _current.get()
        if call.connected:
            raise Interrupted("the connection broke after the request was begun")
        call.connecting = True
        connection = await super().connect(req, traces, timeout)
        call.connected, call.connecting = True, False
        return connection


class OutboundClient:
    """Sends requests through one pool of connections; of one event loop, made by `Outbound.open`.

    Fulfils the client protocol of platform packages.
    """

    def __init__(self, session: aiohttp.ClientSession, guard: Guard, agent: str, limit: int):
        self._session, self._guard, self._agent, self._limit = session, guard, agent, limit
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}

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
        made = make_headers(self._agent, headers, auth)
        body = make_body(made, json, data, files, content)
        if self._session.closed:
            raise NotSent("The HTTP client is closed.")
        call = _Call((target.raw_host or "", target.port or 0))
        token = _current.set(call)
        try:
            answer = await self._session.request(
                method,
                target,
                params=params,
                headers=made,
                data=body,
                allow_redirects=False,
                timeout=self._timeout(DEFAULT_TIMEOUT if timeout is None else timeout),
            )
            try:
                return await self._read(answer, limit or self._limit)
            finally:
                answer.close()  # gives back a connection read to its end, drops any other
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, RuntimeError) as error:
            reason = f"{method} {target.origin()}: {_why(error)}"
            if call.connecting or isinstance(error, aiohttp.InvalidURL):
                raise NotSent(f"{reason}. The request was not sent.") from None
            raise Interrupted(f"{reason}. It may have been carried out.") from None
        finally:
            _current.reset(token)

    async def _read(self, answer: aiohttp.ClientResponse, limit: int) -> Response:
        pieces: list[bytes] = []
        size = 0
        while piece := await answer.content.readany():
            size += len(piece)
            if size > limit:
                raise TooLarge(f"The answer is larger than {limit:,} bytes.")
            pieces.append(piece)
        content = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return Response(answer.status, answer.headers, content, answer.charset)

    def _timeout(self, seconds: float) -> aiohttp.ClientTimeout:
        seconds = max(seconds, 0.001)  # 0 would mean no limit to aiohttp
        known = self._timeouts.get(seconds)
        if known is None:
            known = aiohttp.ClientTimeout(total=seconds, ceil_threshold=3600)
            if len(self._timeouts) < 100:
                self._timeouts[seconds] = known
        return known

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

    def __init__(self, settings: CoreSettings, *, resolver: AbstractResolver | None = None) -> None:
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
        guard = self.guard
        connector = _Connector(
            limit=limit,
            keepalive_timeout=KEEP_ALIVE,
            ttl_dns_cache=10,
            resolver=GuardedResolver(guard, self._resolver or SystemResolver()),
            socket_factory=lambda info: guarded_socket(guard, _current.get().target, info),
        )
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),  # no cookie of one account meets another's
            trust_env=False,
        ) as session:
            yield OutboundClient(session, guard, self._agent, self._limit)


def _why(error: BaseException) -> str:
    """Say what went wrong, in words that hold no part of the address but its host."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the name does not resolve"
    if isinstance(
        error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError)
    ):
        return "no secure connection (TLS)"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
