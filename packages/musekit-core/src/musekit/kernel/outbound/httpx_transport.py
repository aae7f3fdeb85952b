"""The guarded way out as a transport of httpx2, for SDKs that bring that client.

Imports httpx2 (150 ms): import this module inside functions.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Container

import httpx2

from musekit.kernel.outbound.client import OutboundClient
from musekit.kernel.outbound.errors import Interrupted, NotSent
from musekit.kernel.outbound.streaming import StreamedResponse

#: What this transport raises.
HTTPError = httpx2.HTTPError
#: Headers that are the client's own to set.
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
#: Headers of answers that no longer hold once the body is decompressed.
_SPENT = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Sends through an `OutboundClient`: the same guard, no redirects, nothing sent twice.

    Args:
        first_byte_timeout: seconds until an answer's headers are there.
        total_timeout: seconds until its end.
        headers: names, in lower case, of those that are sent; None: all that the caller gives.
            An SDK may add others by itself, from the environment too.
    """

    def __init__(
        self,
        client: OutboundClient,
        *,
        first_byte_timeout: float,
        total_timeout: float,
        headers: Container[str] | None = None,
    ) -> None:
        self._client, self._sent = client, headers
        self._first, self._total = first_byte_timeout, total_timeout

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; the answer's body is read as it comes."""
        content = await request.aread()
        stack = contextlib.AsyncExitStack()
        try:
            answer = await stack.enter_async_context(
                self._client.stream(
                    request.method, str(request.url),
                    headers={
                        name: value
                        for name, value in request.headers.items()
                        if name not in _OURS and (self._sent is None or name in self._sent)
                    },
                    content=content or None, first_byte_timeout=self._first,
                    total_timeout=self._total,
                )
            )  # fmt: skip
        except NotSent as error:
            raise httpx2.ConnectError(str(error), request=request) from error
        except Interrupted as error:
            raise httpx2.ReadError(str(error), request=request) from error
        headers = [
            (name, value) for name, value in answer.headers.items() if name.lower() not in _SPENT
        ]
        return httpx2.Response(
            answer.status_code, headers=headers, stream=_Body(answer, stack, request),
            request=request,
        )  # fmt: skip


class _Body(httpx2.AsyncByteStream):
    """The body of an answer, on its way."""

    def __init__(
        self, answer: StreamedResponse, stack: contextlib.AsyncExitStack, request: httpx2.Request
    ) -> None:
        self._answer, self._stack, self._request = answer, stack, request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._answer.aiter_bytes():
                yield piece
        except Interrupted as error:
            raise httpx2.ReadError(str(error), request=self._request) from error

    async def aclose(self) -> None:
        await self._stack.aclose()


def make_httpx(
    client: OutboundClient,
    *,
    first_byte_timeout: float,
    total_timeout: float,
    headers: Container[str] | None = None,
) -> httpx2.AsyncClient:
    """Return an httpx2 client on the guarded way out. Its own time limits are off: ours hold.

    Arguments as for `GuardedTransport`.
    """
    return httpx2.AsyncClient(
        transport=GuardedTransport(
            client, first_byte_timeout=first_byte_timeout, total_timeout=total_timeout,
            headers=headers,
        ),
        timeout=None, trust_env=False, follow_redirects=False,
    )  # fmt: skip
