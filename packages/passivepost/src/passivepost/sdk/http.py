"""The HTTP client platform methods are given: a typed subset of httpx's shape.

`AsyncClient` here is a protocol. The host's own runs on a fast transport, keeps connections
alive, guards addresses that users named, follows no redirects and never retries. An
`httpx.AsyncClient` fits the protocol too, which is handy in a platform's own tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from musekit.api import Interrupted, NotSent

__all__ = ["AsyncClient", "Interrupted", "NotSent", "Response"]


class Response(Protocol):
    """An answer, read to its end (at most the limit of bytes the caller set)."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers; look-ups ignore case."""

    @property
    def content(self) -> bytes:
        """The body."""

    @property
    def text(self) -> str:
        """The body as text; undecodable bytes replaced."""

    def json(self) -> Any:
        """The body as JSON. Raises ValueError when it is none: never assume an error page is."""


class AsyncClient(Protocol):
    """Sends requests. Raises `NotSent` or `Interrupted`, and nothing for a status ≥ 400."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        content: bytes | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
    ) -> Response:
        """Send one request.

        Args:
            json: sent as a JSON body. `data`: as a form. `files`: field → (name, bytes, type), as
                multipart together with `data`. `content`: raw. At most one kind of body.
            auth: user and password for HTTP Basic.
            timeout: seconds for the whole call; None: the client's default (30).
        """

    async def get(self, url: str, **kwargs: Any) -> Response:
        """Send a GET; arguments as for `request`."""

    async def post(self, url: str, **kwargs: Any) -> Response:
        """Send a POST; arguments as for `request`."""

    async def put(self, url: str, **kwargs: Any) -> Response:
        """Send a PUT; arguments as for `request`."""

    async def delete(self, url: str, **kwargs: Any) -> Response:
        """Send a DELETE; arguments as for `request`."""
