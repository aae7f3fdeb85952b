"""XRPC, the HTTP of the AT Protocol: plain protocol code that knows nothing of its host.

Facts from the lexicons com.atproto.{server,repo,identity} and app.bsky.feed (read 2026-08) and from
answers of a real PDS 0.5.35 (2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

POST = "app.bsky.feed.post"
#: `app.bsky.feed.getPosts` takes at most 25 uris (lexicon).
POSTS_PER_CALL = 25


class Http(Protocol):
    """The part of an httpx-like async client that is used here."""

    async def get(self, url: str, **kwargs: Any) -> Any:
        """Send a GET."""

    async def post(self, url: str, **kwargs: Any) -> Any:
        """Send a POST."""


class XrpcError(Exception):
    """The server answered with an error.

    Args:
        status: the HTTP status.
        error: the protocol's name for it, such as ``ExpiredToken``; empty when there is none.
        message: its words.
        retry_after: seconds until it listens again, for a rate limit.
    """

    def __init__(
        self, status: int, error: str, message: str, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{status} {error}: {message}")
        self.status = status
        self.error = error
        self.message = message
        self.retry_after = retry_after


class Xrpc:
    """Calls to one server.

    Args:
        http: the client to send with.
        service: address of the server, without a path.
        token: the JWT to call with; empty for public methods.
    """

    def __init__(self, http: Http, service: str, token: str = "") -> None:
        self._http = http
        self._base = f"{service.rstrip('/')}/xrpc/"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def _query(self, method: str, timeout: float | None = None, **params: str) -> Any:
        return _read(
            await self._http.get(
                self._base + method, params=params, headers=self._headers, timeout=timeout
            )
        )

    async def _procedure(self, method: str, body: Any = None, timeout: float | None = None) -> Any:
        return _read(
            await self._http.post(
                self._base + method, json=body, headers=self._headers, timeout=timeout
            )
        )

    async def create_session(self, identifier: str, password: str) -> Mapping[str, Any]:
        """Sign in with a handle and an app password: accessJwt, refreshJwt, did, didDoc, handle.

        Limited to 30 in 5 minutes and 300 a day per account: refresh instead, where possible.
        """
        body = {"identifier": identifier, "password": password}
        return _mapping(await self._procedure("com.atproto.server.createSession", body))

    async def refresh_session(self) -> Mapping[str, Any]:
        """Exchange the refresh JWT (this client's token) for a new pair."""
        return _mapping(await self._procedure("com.atproto.server.refreshSession"))

    async def get_session(self) -> Mapping[str, Any]:
        """Say whose token this is: did, handle."""
        return _mapping(await self._query("com.atproto.server.getSession"))

    async def resolve_handle(self, handle: str) -> str:
        """Return the DID of a handle."""
        answer = await self._query("com.atproto.identity.resolveHandle", handle=handle)
        return str(_mapping(answer)["did"])

    async def put_record(
        self, repo: str, rkey: str, record: Mapping[str, Any], timeout: float | None = None
    ) -> Mapping[str, Any]:
        """Write a post under a key of our choice; the same again gives the same uri and cid.

        `createRecord` with a key in use answers 500, `putRecord` 200: hence this one.
        """
        body = {"repo": repo, "collection": POST, "rkey": rkey, "record": dict(record)}
        return _mapping(await self._procedure("com.atproto.repo.putRecord", body, timeout))

    async def get_record(self, repo: str, rkey: str) -> Mapping[str, Any] | None:
        """Return uri, cid and value of a post, or None when there is none under that key."""
        try:
            answer = await self._query(
                "com.atproto.repo.getRecord", repo=repo, collection=POST, rkey=rkey
            )
        except XrpcError as error:
            if error.error == "RecordNotFound":
                return None
            raise
        return _mapping(answer)

    async def delete_record(self, repo: str, rkey: str) -> None:
        """Delete a post; one that is gone already is no error."""
        body = {"repo": repo, "collection": POST, "rkey": rkey}
        await self._procedure("com.atproto.repo.deleteRecord", body)

    async def upload_blob(self, data: bytes, mime: str) -> Mapping[str, Any]:
        """Store bytes and return their blob reference; unused ones are dropped within hours."""
        response = await self._http.post(
            self._base + "com.atproto.repo.uploadBlob",
            content=data,
            headers={**self._headers, "Content-Type": mime},
        )
        return _mapping(_mapping(_read(response))["blob"])

    async def get_posts(self, uris: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Return views of up to 25 posts, with likeCount, repostCount, replyCount, quoteCount."""
        query = "&".join(f"uris={uri}" for uri in uris)
        response = await self._http.get(
            f"{self._base}app.bsky.feed.getPosts?{query}", headers=self._headers
        )
        posts = _mapping(_read(response)).get("posts")
        return posts if isinstance(posts, list) else []


async def server_of(http: Http, did: str, plc_url: str) -> str:
    """Return the address of the server that holds an account, from its DID document.

    Raises:
        XrpcError: there is no such document, or it names no server.
    """
    if did.startswith("did:plc:"):
        url = f"{plc_url.rstrip('/')}/{did}"
    elif did.startswith("did:web:"):
        url = f"https://{did.removeprefix('did:web:')}/.well-known/did.json"
    else:
        raise XrpcError(400, "UnknownDid", f"{did[:80]} is of a kind this client does not know")
    return server_in(_mapping(_read(await http.get(url))))


def server_in(document: Mapping[str, Any]) -> str:
    """Return the address of the server that a DID document names."""
    for service in document.get("service") or []:
        if str(service.get("id", "")).endswith("#atproto_pds"):
            address = str(service.get("serviceEndpoint", ""))
            if urlsplit(address).scheme in {"http", "https"} and urlsplit(address).hostname:
                return address
    raise XrpcError(400, "NoServer", "The account's DID document names no server")


def _read(response: Any) -> Any:
    if response.status_code < 300:
        try:
            return response.json()
        except ValueError:
            raise XrpcError(502, "NotJson", "The server's answer is not JSON") from None
    try:
        body = response.json()
    except ValueError:
        body = None
    fields = body if isinstance(body, dict) else {}
    raise XrpcError(
        response.status_code,
        str(fields.get("error", "")),
        str(fields.get("message", ""))[:500] or f"the server answered {response.status_code}",
        _seconds(response.headers.get("retry-after")),
    )


def _seconds(value: str | None) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise XrpcError(502, "BadAnswer", "The server's answer has an unexpected shape")
    return value
