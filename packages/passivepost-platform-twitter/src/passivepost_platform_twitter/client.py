"""X API v2 over HTTP: plain protocol code that knows nothing of its host.

Facts from X's documentation and OpenAPI document of 2026-08 (version 2.167): posts, chunked media
upload, metadata, look-ups, rate-limit headers and problem documents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, Protocol

#: Bytes of one append. Segments are numbered 0–999.
SEGMENT = 4 * 1024 * 1024
#: `GET /2/tweets` takes at most 100 ids.
POSTS_PER_CALL = 100


class Http(Protocol):
    """The part of an httpx-like async client that is used here."""

    async def get(self, url: str, **kwargs: Any) -> Any:
        """Send a GET."""

    async def post(self, url: str, **kwargs: Any) -> Any:
        """Send a POST."""

    async def delete(self, url: str, **kwargs: Any) -> Any:
        """Send a DELETE."""


class ApiError(Exception):
    """X answered with an error, or with something that is no answer.

    Args:
        status: the HTTP status.
        kind: last part of the problem's type, such as ``usage-capped``; empty when there is none.
        detail: its words.
        wait: seconds until X listens again, for a rate limit.
    """

    def __init__(self, status: int, kind: str, detail: str, wait: float | None = None) -> None:
        super().__init__(f"{status} {kind}: {detail}")
        self.status = status
        self.kind = kind
        self.detail = detail
        self.wait = wait


class XApi:
    """Calls on behalf of one user.

    Args:
        http: the client to send with.
        base: address of the API, without a path.
        token: the user's OAuth 2.0 access token.
    """

    def __init__(self, http: Http, base: str, token: str) -> None:
        self._http = http
        self._base = base.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}

    async def me(self) -> Mapping[str, Any]:
        """Return id, username and name of the user whose token this is."""
        response = await self._http.get(
            f"{self._base}/2/users/me",
            params={"user.fields": "id,name,username"},
            headers=self._headers,
        )
        return _data(response)

    async def create_post(
        self,
        text: str,
        *,
        media_ids: Sequence[str] = (),
        reply_to: str | None = None,
        timeout: float | None = None,
    ) -> str:
        """Create a post and return its id. X honours no key: a repeat is a second post."""
        body: dict[str, Any] = {"text": text} if text or not media_ids else {}
        if media_ids:
            body["media"] = {"media_ids": list(media_ids)}
        if reply_to:
            body["reply"] = {"in_reply_to_tweet_id": reply_to}
        response = await self._http.post(
            f"{self._base}/2/tweets", json=body, headers=self._headers, timeout=timeout
        )
        return str(_data(response)["id"])

    async def delete_post(self, post_id: str) -> None:
        """Delete one of the user's own posts. A missing one is a 404."""
        _data(await self._http.delete(f"{self._base}/2/tweets/{post_id}", headers=self._headers))

    async def posts(self, ids: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Return up to 100 posts with their public metrics; those that are gone are left out."""
        response = await self._http.get(
            f"{self._base}/2/tweets",
            params={"ids": ",".join(ids), "tweet.fields": "public_metrics"},
            headers=self._headers,
        )
        found = _body(response).get("data")
        return found if isinstance(found, list) else []

    async def recent_posts(
        self, user_id: str, since: str
    ) -> tuple[Sequence[Mapping[str, Any]], bool]:
        """Return the user's posts since a time (RFC 3339), newest first, and whether that is all.

        A page has 100 posts at most.

        Raises:
            ApiError: also when X answers 200 with errors and no posts: that is no empty timeline.
        """
        response = await self._http.get(
            f"{self._base}/2/users/{user_id}/tweets",
            params={
                "max_results": "100",
                "start_time": since,
                "tweet.fields": "created_at,referenced_tweets,entities",
            },
            headers=self._headers,
        )
        body = _body(response)
        found, meta = body.get("data"), body.get("meta") or {}
        if isinstance(found, list):
            return found, not meta.get("next_token")
        if meta.get("result_count") == 0:
            return [], True
        raise ApiError(response.status_code, "no-data", _words(body) or "X's answer has no data")

    async def search(self, query: str) -> Sequence[Mapping[str, Any]]:
        """Return recent posts for a query; each read is paid."""
        response = await self._http.get(
            f"{self._base}/2/tweets/search/recent",
            params={"query": query, "max_results": "10"},
            headers=self._headers,
        )
        found = _body(response).get("data")
        return found if isinstance(found, list) else []

    # --- Media: initialize, append, finalize, and wait while X processes a video ---

    async def start_upload(self, mime: str, size: int, category: str) -> str:
        """Begin an upload of `size` bytes and return its media id (valid 24 hours)."""
        response = await self._http.post(
            f"{self._base}/2/media/upload/initialize",
            json={"media_type": mime, "total_bytes": size, "media_category": category},
            headers=self._headers,
        )
        return str(_data(response)["id"])

    async def append(self, media_id: str, index: int, chunk: bytes) -> None:
        """Send one segment; the same index again overwrites it."""
        response = await self._http.post(
            f"{self._base}/2/media/upload/{media_id}/append",
            data={"segment_index": str(index)},
            files={"media": ("segment", chunk, "application/octet-stream")},
            headers=self._headers,
        )
        _body(response)

    async def finish_upload(self, media_id: str) -> Mapping[str, Any]:
        """End an upload; returns ``processing_info``, empty when the media is ready."""
        response = await self._http.post(
            f"{self._base}/2/media/upload/{media_id}/finalize", headers=self._headers
        )
        return _data(response).get("processing_info") or {}

    async def upload_status(self, media_id: str) -> Mapping[str, Any]:
        """Return ``processing_info``: state, check_after_secs; empty when the media is ready."""
        response = await self._http.get(
            f"{self._base}/2/media/upload",
            params={"command": "STATUS", "media_id": media_id},
            headers=self._headers,
        )
        return _data(response).get("processing_info") or {}

    async def describe_media(self, media_id: str, alt: str) -> None:
        """Set the alt text of an upload (at most 1,000 characters)."""
        response = await self._http.post(
            f"{self._base}/2/media/metadata",
            json={"id": media_id, "metadata": {"alt_text": {"text": alt}}},
            headers=self._headers,
        )
        _body(response)


def _body(response: Any) -> Mapping[str, Any]:
    try:
        body = response.json() if response.content else {}
    except ValueError:
        body = None
    fields = body if isinstance(body, dict) else {}
    if response.status_code < 300:
        if body is None:
            raise ApiError(502, "not-json", "X's answer is not JSON")
        return fields
    raise ApiError(
        response.status_code,
        str(fields.get("type", "")).rsplit("/", 1)[-1],
        _words(fields) or f"X answered {response.status_code}",
        _wait(response.headers) if response.status_code == 429 else None,
    )


def _data(response: Any) -> Mapping[str, Any]:
    body = _body(response)
    data = body.get("data")
    if not isinstance(data, dict):
        # A 2xx may carry `errors` and no data.
        raise ApiError(response.status_code, "no-data", _words(body) or "X's answer has no data")
    return data


def _words(fields: Mapping[str, Any]) -> str:
    if fields.get("detail"):
        return str(fields["detail"])[:500]
    errors = fields.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return str(errors[0].get("message") or errors[0].get("detail") or "")[:500]
    return str(fields.get("title") or "")[:500]


def _wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until a rate limit ends; None when X does not say.

    X names the moment by its own clock, which ours may be ahead of: so its answer's date counts.
    """
    end = _reset(headers)
    if end is None:
        return None
    try:
        now = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        now = time()
    return max(0.0, end - now)


def _reset(headers: Mapping[str, str]) -> float | None:
    """Return when a rate limit ends. A day's cap is said in headers of its own: ask them first."""
    for window in ("x-user-limit-24hour", "x-app-limit-24hour"):
        if headers.get(f"{window}-remaining") == "0":
            return _number(headers.get(f"{window}-reset"))
    return _number(headers.get("x-rate-limit-reset"))


def _number(value: str | None) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        return None
