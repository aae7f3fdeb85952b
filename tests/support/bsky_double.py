"""A small double of a Bluesky server, for faults that the real one cannot be asked to play.

Its words are those of a real PDS 0.5.35 (recorded 2026-11): an expired token is a 400.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import Any

from passivepost.testing import Accepted, Answer, Double, Fault, Request

DID = "did:plc:doublexdoublexdoublexdb"


class BlueskyDouble(Double):
    """One account, its records by key, and the public view of its posts."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[str, dict[str, Any]] = {}
        self.blobs: set[str] = set()
        self.refresh_token = token()
        self.access_tokens = {token()}
        xrpc = "/xrpc/com.atproto"
        self.route("GET", f"{xrpc}.server.getSession")(self._signed_in(self._session))
        self.route("POST", f"{xrpc}.server.refreshSession")(self._refresh)
        self.route("POST", f"{xrpc}.repo.putRecord", publishes=True)(self._signed_in(self._put))
        self.route("GET", f"{xrpc}.repo.getRecord")(self._get)
        self.route("POST", f"{xrpc}.repo.deleteRecord")(self._signed_in(self._delete))
        self.route("POST", f"{xrpc}.repo.uploadBlob")(self._signed_in(self._upload))
        self.route("GET", "/xrpc/app.bsky.feed.getPosts")(self._posts)

    def refuse(self, fault: Fault, request: Request, retry_after: float) -> Answer:
        """Speak as a PDS does."""
        return {
            Fault.RATE_LIMIT: error(
                429, "RateLimitExceeded", {"Retry-After": f"{retry_after:.0f}"}
            ),
            Fault.EXPIRED: error(400, "ExpiredToken"),
            Fault.REVOKED: error(401, "AccountTakedown"),
            Fault.REJECT: error(400, "InvalidRequest"),
            Fault.REDIRECT: Answer(302, None, {"Location": f"{self.url}/elsewhere"}),
            Fault.ERROR_AFTER_ACCEPT: error(500, "InternalServerError"),
        }[fault]

    def _signed_in(self, handler: Any) -> Any:
        def guarded(request: Request) -> Answer:
            if request.token not in self.access_tokens:
                return error(400, "InvalidToken")
            answer: Answer = handler(request)
            return answer

        return guarded

    def _session(self, _: Request) -> Answer:
        return Answer(200, {"did": DID, "handle": "alice.test"})

    def _refresh(self, request: Request) -> Answer:
        if request.token != self.refresh_token:
            return error(400, "ExpiredToken")
        access, self.refresh_token = token(), token()
        self.access_tokens.add(access)
        tokens = {"accessJwt": access, "refreshJwt": self.refresh_token}
        return Answer(200, {**tokens, "did": DID, "handle": "alice.test"})

    def _put(self, request: Request) -> Answer:
        body = request.json()
        assert body["repo"] == DID
        assert body["collection"] == "app.bsky.feed.post"
        key, record = body["rkey"], body["record"]
        for image in record.get("embed", {}).get("images", []):
            if image["image"]["ref"]["$link"] not in self.blobs:
                return error(400, "BlobNotFound")
        uri = f"at://{DID}/app.bsky.feed.post/{key}"
        made = self.accept(
            record["text"], key=key, reply_to=record.get("reply", {}).get("parent", {}).get("uri")
        )
        made.id = uri
        self.records[key] = {"uri": uri, "cid": f"cid-{key}", "value": record}
        return Answer(200, {"uri": uri, "cid": f"cid-{key}"})

    def _get(self, request: Request) -> Answer:
        found = self.records.get(request.query["rkey"])
        return Answer(200, found) if found else error(400, "RecordNotFound")

    def _delete(self, request: Request) -> Answer:
        gone = self.records.pop(request.json()["rkey"], None)
        for post in self.accepted():
            post.live = post.live and (gone is None or post.id != gone["uri"])
        return Answer(200, {})

    def _upload(self, request: Request) -> Answer:
        link = f"b{hash(request.body) & 0xFFFFFFFF:x}"
        self.blobs.add(link)
        mime = request.headers["content-type"]
        blob = {"$type": "blob", "ref": {"$link": link}, "mimeType": mime}
        return Answer(200, {"blob": {**blob, "size": len(request.body)}})

    def _posts(self, request: Request) -> Answer:
        # The query names `uris` many times; this double gives all it has.
        counts = {"likeCount": 3, "repostCount": 2, "replyCount": 1, "quoteCount": 0}
        return Answer(200, {"posts": [{"uri": r["uri"], **counts} for r in self.records.values()]})


def error(status: int, name: str, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, {"error": name, "message": f"{name}, says the server"}, headers or {})


def token() -> str:
    """Return a JWT that ends in two hours; nobody checks its signature."""
    claims = json.dumps({"exp": int(time.time()) + 7200, "jti": secrets.token_hex(8)}).encode()
    parts = [b"{}", claims, secrets.token_bytes(16)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


__all__ = ["DID", "Accepted", "BlueskyDouble"]
