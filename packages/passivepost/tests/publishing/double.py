"""A network for tests: an HTTP server with its own ledger, and a platform that speaks to it.

A post's text scripts what happens to it: ``fault=NAME`` in the text, at its first request or, with
``fault=NAME*``, at each. The ledger is the oracle: what the network accepted, by key.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
from collections import Counter

from aiohttp import web

from passivepost.api import (
    AuthExpired,
    AuthRevoked,
    Capabilities,
    Credentials,
    Delivery,
    Duplicate,
    Feature,
    Found,
    Misconfigured,
    OAuth,
    OutcomeUnknown,
    Platform,
    Published,
    Rejected,
    Retryable,
    TextRule,
)

FAULT = re.compile(r"fault=([a-z0-9-]+)(\*?)")


class Network:
    """The server, in a thread of its own. `accepted` is its ledger: (key, text, author, id)."""

    def __init__(self, delay: float = 0.0, ledger: str | None = None) -> None:
        self.delay, self.accepted, self.requests = delay, [], []
        self.seen = Counter()
        self.token_ok = lambda token: True
        self.reset_at = 0.0
        self.file = open(ledger, "a", buffering=1) if ledger else None  # noqa: SIM115 - open as long as the network is
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def _run(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self._start())
        self._ready.set()
        self.loop.run_forever()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_post("/posts", self.post)
        app.router.add_get("/posts", self.find)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        self.site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await self.site.start()
        self.port = self.site._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.runner.cleanup(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)

    def accept(self, body, author) -> str:
        self.accepted.append((body["key"], body["text"], author, f"p{len(self.accepted) + 1}"))
        return self.accepted[-1][3]

    def keys(self) -> Counter:
        return Counter(key for key, *_ in self.accepted)

    async def post(self, request: web.Request) -> web.Response:
        body = await request.json()
        author = request.headers["authorization"].removeprefix("Bearer ")
        self.requests.append((time.time(), body["key"], body["text"], author))
        self.seen[body["text"]] += 1
        found = FAULT.search(body["text"])
        fault = found[1] if found and (found[2] or self.seen[body["text"]] == 1) else ""
        if self.delay:
            await asyncio.sleep(self.delay)
        if author.startswith("stale"):
            return web.json_response({"error": "expired"}, status=401)
        if author.startswith("revoked"):
            return web.json_response({"error": "revoked"}, status=403)
        if author.startswith("limited") and time.time() < self.reset_at:
            return web.json_response(
                {"error": "limited"},
                status=429,
                headers={"retry-after": str(self.reset_at - time.time())},
            )
        if fault == "reject":
            return web.json_response({"error": "bad words"}, status=422)
        if fault == "busy":
            return web.json_response({"error": "busy"}, status=503)
        if fault == "config":
            return web.json_response({"error": "app"}, status=418)
        if fault == "duplicate":
            return web.json_response({"error": "duplicate"}, status=409)
        if fault == "drop-before":  # received, not accepted, cut
            request.transport.close()
            return web.Response()
        if body.get("native") and body["key"] in self.keys():
            mine = next(a for a in self.accepted if a[0] == body["key"])
            return web.json_response({"id": mine[3]}, status=201)
        post_id = self.accept(body, author)
        if fault == "drop-after":
            request.transport.close()
            return web.Response()
        if fault == "500-after":
            return web.json_response({"error": "oops"}, status=500)
        if fault == "hang-after":
            await asyncio.sleep(60)
        if fault == "same-id":
            post_id = "p-same"
        return web.json_response({"id": post_id}, status=201)

    async def find(self, request: web.Request) -> web.Response:
        text = request.query["text"]
        return web.json_response([a[3] for a in self.accepted if a[1] == text])


class DoublePlatform(Platform):
    """The platform of `Network`. Attributes change what it declares."""

    name, label, color = "double", "Double", "#123456"
    features = frozenset({Feature.FIND_PUBLISHED, Feature.THREADS, Feature.REFRESH})
    capabilities = Capabilities(text=TextRule(limit=5000), max_parts=20)
    connection = OAuth(
        authorize_url="", token_url="", scopes=(), client_id="x", client_secret="y", pkce=True
    )

    def __init__(self, port: int, *, idempotency="none", read_back="yes", longest_call=5.0):
        self.port = port
        self.delivery = Delivery(
            idempotency=idempotency,
            read_back=read_back,
            duplicate_signal="no_id",
            refresh="static",
            longest_call=longest_call,
        )
        if read_back == "no":
            self.features = self.features - {Feature.FIND_PUBLISHED}

    async def publish(self, call):
        ids = list(call.progress.get("ids", []))
        for n, part in enumerate(call.content.parts[len(ids) :], len(ids)):
            if "raise-oddly" in part.text:
                raise KeyError("odd")
            answer = await call.http.post(
                f"http://127.0.0.1:{self.port}/posts",
                json={
                    "key": f"{call.key}:{n}",
                    "text": part.text,
                    "native": self.delivery.idempotency == "native",
                },
                headers={"authorization": f"Bearer {call.account.credentials.access_token}"},
                timeout=self.delivery.longest_call,
            )
            self._check(answer)
            ids.append(answer.json()["id"])
            if len(call.content.parts) > 1:
                await call.checkpoint({"ids": ids})
        return Published(ids=ids)

    def _check(self, answer):
        match answer.status_code:
            case 201:
                return
            case 401:
                raise AuthExpired("expired")
            case 403:
                raise AuthRevoked("revoked")
            case 409:
                raise Duplicate("already there")
            case 418:
                raise Misconfigured("app")
            case 422:
                raise Rejected("bad words")
            case 429:
                raise Retryable(
                    "wait", retry_after=float(answer.headers["retry-after"]), rate_limited=True
                )
            case 503:
                raise Retryable("busy")
            case status:
                raise OutcomeUnknown(f"status {status}")

    async def find_published(self, call):
        ids = []
        for part in call.content.parts:
            answer = await call.http.get(
                f"http://127.0.0.1:{self.port}/posts", params={"text": part.text}
            )
            if not answer.json():
                break
            ids.append(answer.json()[-1])
        return Found(ids=ids, complete=len(ids) == len(call.content.parts))

    async def refresh(self, http, credentials):
        token = credentials.access_token
        if token.startswith("stale-revoked"):
            raise AuthRevoked("the grant is gone")
        if token.startswith("stale-always"):
            return Credentials(access_token=token + "!", refresh_token="r")
        return Credentials(access_token="fresh" + token.removeprefix("stale"), refresh_token="r")


class PreparingPlatform(DoublePlatform):
    """Its preparation may end the process: text ``poison``."""

    prepares_text = True

    async def prepare(self, call):
        if "poison" in call.content.text:
            os._exit(13)
        return {**call.progress, "ready": True}
