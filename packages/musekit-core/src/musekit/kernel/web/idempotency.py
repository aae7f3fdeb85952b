"""``Idempotency-Key`` on every unsafe route: a repeat gets the first answer, the work runs once.

A layer around the application, so no route can forget it. It acts when a known actor sends the
header with POST, PUT, PATCH or DELETE. Refusals (4xx) and faults (5xx) are not kept: the same key
may be used again for the corrected request. If the process dies at work, the claim's lease runs
out and a repeat is worked on anew; work that must not happen twice even then carries its own
unique key in the database.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable
from functools import partial
from typing import TypeVar
from urllib.parse import quote
from uuid import UUID

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from musekit.errors import MuseKitError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.web import idempotency_store as store
from musekit.kernel.web.access import actor_of
from musekit.kernel.web.idempotency_store import Answer, Ask
from musekit.kernel.web.problems import problem

logger = logging.getLogger(__name__)
Endpoint = TypeVar("Endpoint", bound=Callable[..., object])
Result = TypeVar("Result")

_KEY = re.compile(r"[\x21-\x7e]{1,255}").fullmatch
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
#: Headers of an answer that are given again with it.
_KEPT = ("content-type", "location", "etag")
#: Bytes of a request that are held to be compared, and of an answer that are kept.
REQUEST_LIMIT, ANSWER_LIMIT = 16 << 20, 1 << 20
_SYSTEM = Actor.system("idempotency")


def no_store(endpoint: Endpoint) -> Endpoint:
    """Mark an endpoint whose answer holds a secret: it is never kept, and so never replayed.

    A repeat is told that the work was done. ``Cache-Control: no-store`` on an answer does the same.
    """
    endpoint.__musekit_no_store__ = True  # type: ignore[attr-defined]
    return endpoint


class IdempotencyKeys:
    """The layer (ASGI)."""

    def __init__(self, app: ASGIApp, host: Host) -> None:
        self._app, self._host = app, host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        key = None
        if scope["type"] == "http" and scope["method"] in UNSAFE:
            key = Headers(scope=scope).get("idempotency-key")
        if key is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        actor = await _actor(request)
        if actor is None or actor.user_id is None or actor.space_id is None:
            await self._app(scope, receive, send)
            return
        if not _KEY(key):
            detail = "An Idempotency-Key is 1 to 255 visible ASCII characters. Nothing was done."
            await _refuse(request, 400, "idempotency-key-malformed", detail)(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            detail = "The body is too large for a request with Idempotency-Key. Nothing was done."
            await _refuse(request, 413, "too-large", detail)(scope, receive, send)
            return
        path = quote(scope["path"], errors="replace")
        ask = Ask(
            space_id=actor.space_id,
            user_id=actor.user_id,
            method=scope["method"],
            path=path if len(path) <= 500 else hashlib.sha256(path.encode()).hexdigest(),
            key=key,
            fingerprint=hashlib.sha256(
                len(scope["query_string"]).to_bytes(8) + scope["query_string"] + body
            ).digest(),
        )
        try:
            claimed = await self._unit(partial(store.claim, ask=ask))
        except MuseKitError as error:
            code = str(error.extra.pop("code", error.code))
            answer = problem(
                request, error.status, code, error.title, error.detail, headers=error.headers
            )
            await answer(scope, receive, send)
            return
        if isinstance(claimed, Answer):
            await _replay(request, claimed)(scope, receive, send)
        else:
            await self._work(claimed, scope, _again(body, receive), send)

    async def _work(self, holder: UUID, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application under a claim, and keep its answer if it is one to keep."""
        taker = _Taker(scope)
        done = False

        async def keep_and_send(message: Message) -> None:
            nonlocal done
            answer = taker.take(message)
            if answer is not None:
                done = True
                await self._end(holder, answer)
            await send(message)

        try:
            await self._app(scope, receive, keep_and_send)
        finally:
            if not done:
                await self._end(holder, None)

    async def _end(self, holder: UUID, answer: Answer | None) -> None:
        try:
            if answer is not None and answer.status < 400:
                await self._unit(partial(store.finish, holder=holder, answer=answer))
            else:
                await self._unit(partial(store.release, holder=holder))
        except Exception:
            # The work stands, and its answer goes out; only a repeat will not find it.
            logger.exception("The answer to a request with Idempotency-Key could not be kept")

    async def _unit(self, work: Callable[..., Result]) -> Result:
        def run() -> Result:
            with self._host.database.session(_SYSTEM) as session:
                return work(session)

        return await run_in_threadpool(run)


class _Taker:
    """Puts an answer together from its messages, as they pass."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._status = 0
        self._headers = Headers()
        self._pieces: list[bytes] = []
        self._size = 0

    def take(self, message: Message) -> Answer | None:
        """Take in a message; return the answer at its end."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = Headers(raw=list(message.get("headers", ())))
        elif message["type"] == "http.response.body":
            piece = message.get("body", b"")
            self._size += len(piece)
            if self._size <= ANSWER_LIMIT:
                self._pieces.append(piece)
            if not message.get("more_body", False):
                return self._answer()
        return None

    def _answer(self) -> Answer:
        secret = (
            getattr(self._scope.get("endpoint"), "__musekit_no_store__", False)
            or "no-store" in self._headers.get("cache-control", "")
            or "set-cookie" in self._headers
        )
        if secret or self._size > ANSWER_LIMIT:
            return Answer(status=self._status, headers={}, body=None)
        kept = {name: self._headers[name] for name in _KEPT if name in self._headers}
        return Answer(status=self._status, headers=kept, body=b"".join(self._pieces))


async def _actor(request: Request) -> Actor | None:
    try:
        return await actor_of(request)
    except MuseKitError:
        return None  # the application meets the same error, and answers it


async def _read(receive: Receive) -> bytes | None:
    """Read a request's body; None if it is larger than we hold, or its sender went away."""
    pieces: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        piece = message.get("body", b"")
        size += len(piece)
        if size > REQUEST_LIMIT:
            return None
        pieces.append(piece)
        more = message.get("more_body", False)
    return b"".join(pieces)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body once more, then whatever comes."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _replay(request: Request, answer: Answer) -> Response:
    if answer.body is None:
        detail = (
            "This was done when it was first sent with this key; its answer is not kept. Look at"
            " what it made, or use a new key to do it again."
        )
        return _refuse(request, 409, "idempotency-answer-not-kept", detail)
    headers = {**answer.headers, "Idempotent-Replayed": "true"}
    return Response(answer.body, answer.status, headers=headers)


def _refuse(request: Request, status: int, code: str, detail: str) -> Response:
    return problem(request, status, code, "The request was not carried out", detail)
