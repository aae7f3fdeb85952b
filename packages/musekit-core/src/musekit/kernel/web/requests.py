"""The outermost layers of a request: its id, its log line, and the names we answer to."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import structlog
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from musekit.kernel.logs import REQUESTS
from musekit.kernel.metrics import Metrics
from musekit.kernel.telemetry import Tracing

logger = logging.getLogger(REQUESTS)

HEADER = "x-request-id"
#: An id given by a proxy is taken when it cannot break a log line.
_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
#: Paths asked every few seconds by machines; their lines are of no use.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET = ("/healthz", "/readyz", "/-/static/")


def request_id(scope: Scope) -> str:
    """Return the id of a request, empty outside of the application's layers."""
    return str(scope.get("state", {}).get("request_id", ""))


class RequestContext:
    """Gives every request an id, binds it to log lines, and logs one line at its end."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tracing: Tracing | None = None) -> None:
        self._app, self._tracing = app, tracing
        self._counting = metrics.enabled
        self._requests = metrics.counter(
            "musekit_http_requests_total", "Requests answered.", ("method", "route", "status")
        )
        self._seconds = metrics.histogram(
            "musekit_http_request_seconds", "Time until the end of an answer.", ("route",)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        name = given if _GIVEN.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = name
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=name)
        start = time.perf_counter()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (HEADER.encode(), name.encode())]
            await send(message)

        deliver = _with_problem(send_with_id, name)
        try:
            if self._tracing is None:
                await self._app(scope, receive, deliver)
            else:
                with self._tracing.request(scope) as span:
                    try:
                        await self._app(scope, receive, deliver)
                    finally:
                        self._tracing.answered(span, _line(scope, status, start))
        finally:
            if self._counting:
                self._count(scope, status, time.perf_counter() - start)
            if logger.isEnabledFor(logging.INFO) and not scope["path"].startswith(_QUIET):
                logger.info("request", extra=_line(scope, status, start))

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count by the route's pattern; methods that nobody knows count as one."""
        route = getattr(scope.get("route"), "path", None) or "(none)"
        method = scope["method"] if scope["method"] in _METHODS else "(other)"
        self._requests.add(method, route, str(status))
        self._seconds.add(route, amount=seconds)


def _with_problem(send: Send, name: str) -> Send:
    """Say 413 as a problem document: the layer that limits bodies answers in plain text."""
    replaced = False

    async def deliver(message: Message) -> None:
        nonlocal replaced
        if message["type"] == "http.response.start" and message["status"] == 413:
            kind = Headers(raw=message.get("headers", [])).get("content-type", "")
            replaced = kind.startswith("text/plain")
            if replaced:
                body = json.dumps(
                    {"type": "about:blank", "title": "Content Too Large", "status": 413,
                     "code": "too-large", "request_id": name,
                     "detail": "The body is too large; none of it was kept. Send less at a time."}
                ).encode()  # fmt: skip
                headers = [
                    (b"content-type", b"application/problem+json"),
                    (b"content-length", str(len(body)).encode()),
                ]
                await send({"type": "http.response.start", "status": 413, "headers": headers})
                await send({"type": "http.response.body", "body": body})
                return
        if not replaced:
            await send(message)

    return deliver


def _line(scope: Scope, status: int, start: float) -> dict[str, Any]:
    """What is logged of a request: the route's pattern, for a path or query may hold a secret."""
    route = scope.get("route")
    actor = scope.get("state", {}).get("musekit_actor")
    return {
        "method": scope["method"],
        "route": getattr(route, "path", None) or "(none)",
        "status": status,
        "milliseconds": round(1000 * (time.perf_counter() - start), 1),
        "actor": getattr(actor, "name", None),
        "space": str(getattr(actor, "space_id", None) or "") or None,
        **_behind(actor),
        "request_id": request_id(scope),
    }


def _behind(actor: Any) -> dict[str, str]:
    """Who stands behind the actor: the token, or the operator who acts as the person."""
    found = {name: getattr(actor, f"{name}_id", None) for name in ("token", "impersonator")}
    return {name: str(value) for name, value in found.items() if value is not None}


class TrustedHosts:
    """Refuses requests for names that are not ours: a forged Host would end up in links."""

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection (ASGI)."""
        if scope["type"] in ("http", "websocket") and not self._known(scope):
            detail = "This deployment does not answer to that name; see MUSEKIT_TRUSTED_HOSTS."
            response = JSONResponse(
                {"type": "about:blank", "title": "Unknown host", "status": 400,
                 "code": "unknown-host", "detail": detail},
                400, media_type="application/problem+json",
            )  # fmt: skip
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _known(self, scope: Scope) -> bool:
        if scope["path"] in ("/healthz", "/readyz"):
            return True  # asked by address from inside, by load balancers
        hosts = [value for key, value in scope["headers"] if key == b"host"]
        if len(hosts) != 1:
            return False
        host = hosts[0].decode("latin-1").lower()
        name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
        return "*" in self._names or name in self._names
