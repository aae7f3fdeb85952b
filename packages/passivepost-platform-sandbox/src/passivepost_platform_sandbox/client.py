"""The sample network's protocol, and nothing else: no MuseKit, no PassivePost, no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from time import time
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API: its status, the JSON object of its body, and when to come back."""

    status: int
    body: dict[str, Any]
    retry_after: float | None = None  #: seconds

    @property
    def ok(self) -> bool:
        """True when the network did what was asked."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The error's code, empty when there is none."""
        error = self.body.get("error")
        return str(error.get("code", "")) if isinstance(error, dict) else ""

    @property
    def message(self) -> str:
        """The network's own words about an error."""
        error = self.body.get("error")
        words = str(error.get("message", "")) if isinstance(error, dict) else ""
        return words or f"The network answered with status {self.status}."


@dataclass(frozen=True, slots=True)
class Client:
    """Calls of one account. `http` is anything with httpx's ``request``."""

    http: Any = field(repr=False)
    base: str
    token: str = field(repr=False)
    timeout: float = 20.0

    async def me(self) -> Answer:
        """Ask who the token stands for."""
        return await self._call("GET", "/api/me")

    async def post(
        self, text: str, *, key: str, reply_to: str | None = None, media: Sequence[str] = ()
    ) -> Answer:
        """Post. A `key` the network has seen gives the first post, if it honours keys."""
        body: dict[str, Any] = {"text": text, "idempotency_key": key}
        if reply_to is not None:
            body["reply_to"] = reply_to
        if media:
            body["media"] = list(media)
        return await self._call("POST", "/api/posts", json=body)

    async def upload(self, data: bytes, mime: str, alt: str) -> Answer:
        """Store a picture or video for a post to come."""
        return await self._call(
            "POST", "/api/media", files={"file": ("file", data, mime)}, data={"alt": alt}
        )

    async def find(self, *, author: str, since: str, text: str) -> Answer:
        """Look for posts of exactly that text since a time (RFC 3339)."""
        params = {"author": author, "since": since, "text": text}
        return await self._call("GET", "/api/posts", params=params)

    async def delete(self, post_id: str) -> Answer:
        """Delete a post."""
        return await self._call("DELETE", f"/api/posts/{post_id}")

    async def metrics(self, post_ids: Sequence[str]) -> Answer:
        """Return counts of at most 100 posts."""
        return await self._call("GET", "/api/metrics", params={"ids": ",".join(post_ids)})

    async def trends(self, query: str) -> Answer:
        """Return what is posted about a word."""
        return await self._call("GET", "/api/trends", params={"q": query})

    async def _call(self, method: str, path: str, **body: Any) -> Answer:
        response = await self.http.request(
            method,
            self.base + path,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=self.timeout,
            **body,
        )
        try:
            found = response.json()
        except ValueError:
            found = None
        return Answer(
            response.status_code,
            found if isinstance(found, dict) else {},
            _retry_after(response.headers) if response.status_code == 429 else None,
        )


def _retry_after(headers: Any) -> float | None:
    """Read when to come back, in any of the styles networks use; None when it is not said.

    Moments are by the network's clock, which ours may be ahead of: calling early breaks the limit.
    """
    seconds = headers.get("retry-after") or headers.get("ratelimit-reset")
    moment = headers.get("x-rate-limit-reset")  # Unix seconds
    try:
        if seconds and not seconds.strip().isdigit():
            return max(0.0, parsedate_to_datetime(seconds).timestamp() - _its_time(headers))
        if seconds:
            return float(seconds)
        return max(0.0, float(moment) - _its_time(headers)) if moment else None
    except ValueError:
        return None


def _its_time(headers: Any) -> float:
    """Return the time at the network, as its answer says it; ours if it does not."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return time()
