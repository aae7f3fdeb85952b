"""A double of X: its OAuth and its API v2 over HTTP, strict about requests, with its own ledger.

Every request is held against the schema (`x_schemas`); what X would refuse is refused. Faults are
asked for by the test through `XDouble.faults`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from tests.support import x_schemas
from tests.support.asgi import serve
from tests.support.x_answers import PROBLEM, Cut, as_shown, problem, unauthorized

CLIENT_ID, CLIENT_SECRET = "double-client", "double-secret"
DUPLICATE = "You are not allowed to create a Tweet with duplicate content."


@dataclass
class Grant:
    family: str
    user: str
    scopes: str
    expires: float
    refresh: str


@dataclass
class XDouble:
    """State and ledger of the double. `url` is its address once it is served."""

    url: str = ""
    posts: dict[str, dict[str, Any]] = field(default_factory=dict)  #: live posts by id
    accepted: list[dict[str, Any]] = field(default_factory=list)  #: every post ever taken
    media: dict[str, dict[str, Any]] = field(default_factory=dict)
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    access: dict[str, Grant] = field(default_factory=dict)
    spent: dict[str, str] = field(default_factory=dict)  #: used refresh token → family
    revoked: set[str] = field(default_factory=set)  #: families
    refreshes: int = 0
    invalid: list[str] = field(default_factory=list)  #: requests X would not understand
    #: What to do with the next creates: ``429`` ``429_day`` ``401`` ``500_before`` ``500_after``
    #: ``hang_after`` ``cut_after`` ``403`` ``duplicate`` ``302``; None: nothing.
    faults: deque[str | None] = field(default_factory=deque)
    calls: list[str] = field(default_factory=list)
    creates: list[float] = field(default_factory=list)  #: when each create came in
    resets: list[float] = field(default_factory=list)  #: what each 429 told: try again then
    video_polls: int = 2
    lifetime: float = 7200
    rate_limit_seconds: int = 2

    # --- Tokens ---

    def grant(self, user: str = "100", family: str | None = None) -> dict[str, Any]:
        token, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        scopes = "tweet.read tweet.write users.read media.write offline.access"
        self.access[token] = Grant(
            family or secrets.token_hex(8), user, scopes, time.time() + self.lifetime, refresh
        )
        return {
            "token_type": "bearer",
            "expires_in": int(self.lifetime),
            "access_token": token,
            "refresh_token": refresh,
            "scope": scopes,
        }

    def _user(self, request: Request) -> Grant | None:
        header = request.headers.get("authorization", "")
        grant = self.access.get(header.removeprefix("Bearer "))
        alive = grant and grant.expires > time.time() and grant.family not in self.revoked
        return grant if alive else None

    # --- OAuth ---

    async def authorize(self, request: Request) -> Response:
        query = request.query_params
        wrong = [
            name
            for name, good in {
                "response_type": query.get("response_type") == "code",
                "client_id": query.get("client_id") == CLIENT_ID,
                "code_challenge_method": query.get("code_challenge_method") == "S256",
                "code_challenge": len(query.get("code_challenge", "")) == 43,
                "state": 0 < len(query.get("state", "")) <= 500,
                "redirect_uri": bool(query.get("redirect_uri")),
                "scope": "offline.access" in query.get("scope", "").split(),
            }.items()
            if not good
        ]
        if wrong:
            self.invalid.append(f"authorize: {wrong}")
            return problem(400, "invalid-request", f"wrong: {wrong}")
        code = secrets.token_urlsafe(16)
        self.codes[code] = {
            "challenge": query["code_challenge"],
            "redirect_uri": query["redirect_uri"],
            "until": time.time() + 30,  # X: a code must be redeemed within 30 seconds
        }
        answer = urlencode({"state": query["state"], "code": code})
        return RedirectResponse(f"{query['redirect_uri']}?{answer}", status_code=303)

    async def token(self, request: Request) -> Response:
        form = await request.form()
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return JSONResponse({"error": "unauthorized_client"}, 401)
        if form.get("grant_type") == "authorization_code":
            known = self.codes.pop(str(form.get("code")), None)
            verifier = str(form.get("code_verifier", ""))
            digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
            if (
                known is None
                or known["until"] < time.time()
                or known["redirect_uri"] != form.get("redirect_uri")
                or known["challenge"] != digest.decode().rstrip("=")
            ):
                return JSONResponse({"error": "invalid_request"}, 400)
            return JSONResponse(self.grant())
        return self._refresh(str(form.get("refresh_token", "")))

    def _refresh(self, refresh: str) -> Response:
        self.refreshes += 1
        if refresh in self.spent:
            # Single use: a second use is taken for theft and ends the whole family.
            self.revoked.add(self.spent[refresh])
            return JSONResponse({"error": "invalid_grant"}, 400)
        for token, grant in list(self.access.items()):
            if grant.refresh == refresh and grant.family not in self.revoked:
                self.spent[refresh] = grant.family
                del self.access[token]
                return JSONResponse(self.grant(grant.user, grant.family))
        return JSONResponse({"error": "invalid_grant"}, 400)

    async def revoke(self, request: Request) -> Response:
        grant = self.access.get(str((await request.form()).get("token", "")))
        if grant:
            self.revoked.add(grant.family)
        return JSONResponse({"revoked": True})

    def expire_access(self) -> None:
        """End every access token now; refresh tokens stay good."""
        for grant in self.access.values():
            grant.expires = 0

    # --- Posts ---

    async def me(self, request: Request) -> Response:
        grant = self._user(request)
        if grant is None:
            return unauthorized()
        return JSONResponse({"data": {"id": grant.user, "username": "sample", "name": "Sample"}})

    async def create(self, request: Request) -> Response:
        self.calls.append("create")
        self.creates.append(time.time())
        fault = self.faults.popleft() if self.faults else None
        now = int(time.time())
        if fault == "429":
            self.resets.append(now + 2)
            return problem(
                429,
                "rate-limit-exceeded",
                "Too Many Requests",
                {
                    "x-rate-limit-remaining": "0",
                    "x-rate-limit-reset": str(now + self.rate_limit_seconds),
                },
            )
        if fault == "429_day":
            return problem(
                429,
                "rate-limit-exceeded",
                "Too Many Requests",
                {
                    "x-rate-limit-reset": str(now + 1),
                    "x-user-limit-24hour-remaining": "0",
                    "x-user-limit-24hour-reset": str(now + 3600),
                },
            )
        if fault == "302":
            return RedirectResponse(f"{self.url}/elsewhere", status_code=302)
        if fault == "duplicate":
            return problem(403, "client-forbidden", DUPLICATE)
        if fault == "500_before":
            return problem(503, "internal", "Service Unavailable")
        grant = self._user(request)
        if grant is None or fault == "401":
            return unauthorized()
        if fault == "403":
            return problem(403, "client-forbidden", "You are not permitted to perform this action.")
        body = await request.json()
        refusal = self._refusal(body, grant)
        if refusal:
            return refusal
        post_id = str(1_900_000_000_000_000_000 + len(self.accepted))
        post = {"id": post_id, "user": grant.user, "body": body, "at": time.time()}
        self.posts[post_id] = post
        self.accepted.append(post)
        if fault == "500_after":
            return problem(503, "internal", "Service Unavailable")
        if fault == "hang_after":
            await asyncio.sleep(30)
        if fault == "cut_after":
            return Cut()
        return JSONResponse(
            {
                "data": {
                    "id": post_id,
                    "text": body.get("text", ""),
                    "edit_history_tweet_ids": [post_id],
                }
            },
            201,
        )

    def _refusal(self, body: Any, grant: Grant) -> Response | None:
        wrong = x_schemas.faults("CreatePostsRequest", body)
        media = (body.get("media") or {}).get("media_ids", [])
        if not wrong and not body.get("text") and not media:
            wrong = ["Please include either text or media in your Tweet."]
        if not wrong and any(not self.media.get(one, {}).get("ready") for one in media):
            wrong = ["Your media IDs are invalid."]
        if wrong:
            self.invalid.append(f"create: {wrong}")
            return JSONResponse(
                {
                    "errors": [{"message": wrong[0]}],
                    "title": "Invalid Request",
                    "type": f"{PROBLEM}invalid-request",
                },
                400,
            )
        parent = (body.get("reply") or {}).get("in_reply_to_tweet_id")
        if parent and parent not in self.posts:
            return problem(403, "client-forbidden", "The post replied to is not visible.")
        for post in self.posts.values():
            if post["user"] == grant.user and post["body"].get("text") == body.get("text"):
                return problem(403, "client-forbidden", DUPLICATE)
        return None

    async def delete(self, request: Request) -> Response:
        if self._user(request) is None:
            return unauthorized()
        if self.posts.pop(request.path_params["id"], None) is None:
            return problem(404, "resource-not-found", "Could not find tweet.")
        return JSONResponse({"data": {"deleted": True}})

    async def lookup(self, request: Request) -> Response:
        if self._user(request) is None:
            return unauthorized()
        self._check_query(request, "/2/tweets")
        ids = request.query_params["ids"].split(",")
        counts = {
            "retweet_count": 2,
            "reply_count": 3,
            "like_count": 5,
            "quote_count": 1,
            "bookmark_count": 4,
            "impression_count": 100,
        }
        data = [{"id": one, "public_metrics": counts} for one in ids if one in self.posts]
        return JSONResponse({"data": data} if data else {})

    async def timeline(self, request: Request) -> Response:
        grant = self._user(request)
        if grant is None:
            return unauthorized()
        self._check_query(request, "/2/users/{id}/tweets")
        data = []
        for post in reversed(self.posts.values()):
            if post["user"] == request.path_params["id"]:
                one = as_shown(post)
                parent = (post["body"].get("reply") or {}).get("in_reply_to_tweet_id")
                if parent:
                    one["referenced_tweets"] = [{"type": "replied_to", "id": parent}]
                data.append(one)
        return JSONResponse({"data": data[:100], "meta": {"result_count": len(data)}})

    async def search(self, request: Request) -> Response:
        if self._user(request) is None:
            return unauthorized()
        self._check_query(request, "/2/tweets/search/recent")
        word = request.query_params["query"]
        data = [as_shown(post) for post in self.posts.values() if word in post["body"]["text"]]
        return JSONResponse({"data": data, "meta": {"result_count": len(data)}})

    def _check_query(self, request: Request, path: str) -> None:
        unknown = x_schemas.unknown_parameters(path, "get", set(request.query_params))
        if unknown:
            self.invalid.append(f"{path}: {sorted(unknown)}")

    # --- Media ---

    async def initialize(self, request: Request) -> Response:
        if self._user(request) is None:
            return unauthorized()
        body = await request.json()
        wrong = x_schemas.faults("InitializeMediaUploadRequest", body)
        if wrong:
            self.invalid.append(f"initialize: {wrong}")
            return problem(400, "invalid-request", wrong[0])
        media_id = str(1_800_000_000_000_000_000 + len(self.media))
        self.media[media_id] = {"segments": {}, "alt": "", "ready": False, "polls": 0, **body}
        data = {"id": media_id, "media_key": f"3_{media_id}", "expires_after_secs": 86400}
        return JSONResponse({"data": data})

    async def append(self, request: Request) -> Response:
        media = self.media[request.path_params["id"]]
        form = await request.form()
        chunk = form["media"]
        media["segments"][int(str(form["segment_index"]))] = await chunk.read()  # type: ignore[union-attr]
        return JSONResponse({"data": {"expires_at": int(time.time()) + 86400}})

    async def finalize(self, request: Request) -> Response:
        media = self.media[request.path_params["id"]]
        size = sum(len(chunk) for chunk in media["segments"].values())
        if size != media["total_bytes"]:
            return problem(400, "invalid-request", f"{size} bytes came of {media['total_bytes']}")
        return JSONResponse({"data": self._state(request.path_params["id"])})

    async def status(self, request: Request) -> Response:
        return JSONResponse({"data": self._state(request.query_params["media_id"])})

    def _state(self, media_id: str) -> dict[str, Any]:
        media = self.media[media_id]
        if media["media_category"] == "tweet_video" and media["polls"] < self.video_polls:
            media["polls"] += 1
            return {
                "id": media_id,
                "processing_info": {"state": "in_progress", "check_after_secs": 0.05},
            }
        media["ready"] = True
        return {"id": media_id}

    async def metadata(self, request: Request) -> Response:
        body = await request.json()
        wrong = x_schemas.faults("CreateMediaMetadataRequest", body)
        if wrong:
            self.invalid.append(f"metadata: {wrong}")
            return problem(400, "invalid-request", wrong[0])
        self.media[body["id"]]["alt"] = body["metadata"]["alt_text"]["text"]
        return JSONResponse({"data": {"id": body["id"]}})

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/i/oauth2/authorize", self.authorize),
                Route("/2/oauth2/token", self.token, methods=["POST"]),
                Route("/2/oauth2/revoke", self.revoke, methods=["POST"]),
                Route("/2/users/me", self.me),
                Route("/2/users/{id}/tweets", self.timeline),
                Route("/2/tweets", self.create, methods=["POST"]),
                Route("/2/tweets", self.lookup),
                Route("/2/tweets/search/recent", self.search),
                Route("/2/tweets/{id}", self.delete, methods=["DELETE"]),
                Route("/2/media/upload/initialize", self.initialize, methods=["POST"]),
                Route("/2/media/upload/{id}/append", self.append, methods=["POST"]),
                Route("/2/media/upload/{id}/finalize", self.finalize, methods=["POST"]),
                Route("/2/media/upload", self.status),
                Route("/2/media/metadata", self.metadata, methods=["POST"]),
            ]
        )


@contextmanager
def x_double():
    """Serve a double on a free port of 127.0.0.1."""
    double = XDouble()
    with serve(double.app()) as double.url:
        yield double
