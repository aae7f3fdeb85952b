"""An HTTP client for tests of platforms without a host: httpx, speaking the host's errors."""

from __future__ import annotations

import functools
import ssl
from typing import Any

import httpx

from passivepost.sdk.http import Interrupted, NotSent, Response

#: httpx's errors that are raised before the first byte of a request is written.
BEFORE_SENDING = (
    httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol,
)  # fmt: skip


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Read the certificates once: it takes longer than all the rest of a small test."""
    return httpx.create_ssl_context(trust_env=False)


class HttpxClient:
    """An `httpx.AsyncClient` that raises `NotSent` and `Interrupted`, as the host's client does.

    Follows no redirects, keeps no cookies, reads no proxy settings. `requests` lists what was
    sent, as (method, URL without query).
    """

    def __init__(self, timeout: float = 10.0, transport: httpx.AsyncBaseTransport | None = None):
        self.requests: list[tuple[str, str]] = []
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            transport=transport,
            verify=_trusted(),
        )

    async def __aenter__(self) -> HttpxClient:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.aclose()

    async def request(self, method: str, url: str, **kwargs: Any) -> Response:
        """Send one request; arguments as in `passivepost.api.AsyncClient`.

        Raises:
            NotSent: no byte of it was written.
            Interrupted: it may have been carried out.
        """
        timeout = kwargs.pop("timeout", None)
        self.requests.append((method, url.partition("?")[0]))
        self._client.cookies.clear()
        try:
            return await self._client.request(
                method, url, timeout=self._timeout if timeout is None else timeout, **kwargs
            )
        except BEFORE_SENDING as error:
            raise NotSent(f"{method}: {type(error).__name__}") from None
        except httpx.TransportError as error:
            raise Interrupted(f"{method}: {type(error).__name__}") from None

    async def get(self, url: str, **kwargs: Any) -> Response:
        """Send a GET."""
        return await self.request("GET", url, **kwargs)

    async def post(self, url: str, **kwargs: Any) -> Response:
        """Send a POST."""
        return await self.request("POST", url, **kwargs)

    async def put(self, url: str, **kwargs: Any) -> Response:
        """Send a PUT."""
        return await self.request("PUT", url, **kwargs)

    async def delete(self, url: str, **kwargs: Any) -> Response:
        """Send a DELETE."""
        return await self.request("DELETE", url, **kwargs)


class Unreachable(HttpxClient):
    """A client whose every request fails before its first byte is written."""

    async def request(self, method: str, url: str, **kwargs: Any) -> Response:
        """Raise `NotSent`."""
        self.requests.append((method, url.partition("?")[0]))
        raise NotSent(f"{method}: nobody listens")


class CutOff(HttpxClient):
    """A client that sends each request that changes something, and then loses its answer."""

    async def request(self, method: str, url: str, **kwargs: Any) -> Response:
        """Send it; raise `Interrupted` unless it only reads."""
        answer = await super().request(method, url, **kwargs)
        if method != "GET":
            raise Interrupted(f"{method}: the connection was cut")
        return answer
