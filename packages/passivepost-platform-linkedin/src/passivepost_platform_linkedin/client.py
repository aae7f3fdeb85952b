"""LinkedIn's API over HTTP: plain protocol code that knows nothing of its host.

Facts: Posts, Images and Videos API (li-lms-2026-05) and recorded traffic of 2023-02 (superface)
and 2026-05 (Nango), read 2026-08. Ids are URNs, percent-encoded in paths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlsplit

from passivepost_platform_linkedin.answers import ApiError, body_of, refused

#: Seconds for one piece of an upload.
UPLOAD_SECONDS = 120.0


class Http(Protocol):
    """The part of an httpx-like async client that is used here."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Send a request."""


class LinkedInApi:
    """Calls on behalf of one member.

    Args:
        http: the client to send with.
        base: address of the API, without a path.
        token: the member's access token.
        version: ``YYYYMM``; there is no default on LinkedIn's side.
    """

    def __init__(self, http: Http, base: str, token: str, version: str) -> None:
        self._http = http
        self._base = base.rstrip("/")
        self._token = token
        self._bearer = {"Authorization": f"Bearer {token}"}
        self._rest = {
            **self._bearer,
            "LinkedIn-Version": version,
            "X-Restli-Protocol-Version": "2.0.0",
        }

    async def me(self) -> Mapping[str, Any]:
        """Return ``sub``, ``name`` and more of the member whose token this is (OpenID Connect)."""
        url = f"{self._base}/v2/userinfo"
        response = await self._http.request("GET", url, headers=self._bearer)
        found = self._read(response)
        if not found.get("sub"):
            raise ApiError(response.status_code, "no-sub", "LinkedIn's answer names no member")
        return found

    # --- Posts ---

    async def create_post(self, post: Mapping[str, Any], timeout: float | None = None) -> str:
        """Create a post and return its URN, which comes in a header: the answer has no body.

        LinkedIn honours no key, but refuses the same words again for a while, naming the first.
        """
        response = await self._call("POST", "/rest/posts", json=post, timeout=timeout)
        self._read(response)
        urn = response.headers.get("x-restli-id") or ""
        if not urn:  # a proxy may strip it; the address of the post says it, too
            urn = unquote((response.headers.get("location") or "").rsplit("/", 1)[-1])
        if response.status_code != 201 or not urn.startswith("urn:li:"):
            raise ApiError(response.status_code, "no-id", "LinkedIn's answer names no post")
        return str(urn)

    async def delete_post(self, urn: str) -> None:
        """Delete one of the member's own posts. A missing one is a 404."""
        self._read(await self._call("DELETE", f"/rest/posts/{quote(urn, safe='')}"))

    # --- Uploads: LinkedIn names an address, the bytes go there, the URN stands in the post ---

    async def start_image(self, owner: str) -> tuple[str, str]:
        """Return where to put a picture, and its URN. `owner`: the URN of the post's author."""
        value = await self._start("/rest/images", {"owner": owner})
        return str(value["uploadUrl"]), str(value["image"])

    async def start_video(self, owner: str, size: int) -> Mapping[str, Any]:
        """Return ``video`` (URN), ``uploadToken`` and ``uploadInstructions``: address and bytes
        (``firstByte`` to ``lastByte``) of each piece."""
        wanted = {"owner": owner, "fileSizeBytes": size}
        extras = {"uploadCaptions": False, "uploadThumbnail": False}
        return await self._start("/rest/videos", {**wanted, **extras})

    async def put(self, url: str, data: bytes) -> str:
        """Put bytes where LinkedIn said; return the ETag, without quotes."""
        self._check(url)
        headers = {**self._bearer, "Content-Type": "application/octet-stream"}
        response = await self._http.request(
            "PUT", url, content=data, headers=headers, timeout=UPLOAD_SECONDS
        )
        if response.status_code >= 300:
            raise refused(response, self._token)
        return str(response.headers.get("etag") or "").strip('"')

    async def finish_video(self, video: str, upload_token: str, etags: Sequence[str]) -> None:
        """Say that all pieces are there: their ETags, in order."""
        wanted = {"video": video, "uploadToken": upload_token, "uploadedPartIds": list(etags)}
        body = {"finalizeUploadRequest": wanted}
        params = {"action": "finalizeUpload"}
        self._read(await self._call("POST", "/rest/videos", params=params, json=body))

    async def video(self, urn: str) -> Mapping[str, Any]:
        """Return ``status`` of a video: AVAILABLE when it can be posted, PROCESSING_FAILED …"""
        return self._read(await self._call("GET", f"/rest/videos/{quote(urn, safe='')}"))

    async def _start(self, path: str, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
        body = {"initializeUploadRequest": wanted}
        params = {"action": "initializeUpload"}
        response = await self._call("POST", path, params=params, json=body)
        value = self._read(response).get("value")
        if not isinstance(value, dict):
            raise ApiError(response.status_code, "no-value", "LinkedIn's answer has no upload")
        return value

    async def _call(self, method: str, path: str, **kwargs: Any) -> Any:
        return await self._http.request(method, self._base + path, headers=self._rest, **kwargs)

    def _read(self, response: Any) -> Mapping[str, Any]:
        return body_of(response, self._token)

    def _check(self, url: str) -> None:
        """Refuse to send the token and a file to anybody but LinkedIn."""
        parts, own = urlsplit(url), urlsplit(self._base)
        host = parts.hostname or ""
        is_linkedin = parts.scheme == "https" and f".{host}".endswith(".linkedin.com")
        if not is_linkedin and (parts.scheme, parts.netloc) != (own.scheme, own.netloc):
            raise ApiError(502, "foreign-upload", "LinkedIn named an upload address not its own")
