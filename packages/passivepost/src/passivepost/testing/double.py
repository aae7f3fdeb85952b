"""A small network of your own for tests: real HTTP, a ledger, and faults on demand.

::

    with Double() as network:
        @network.route("POST", "/posts", publishes=True)
        def post(request: Request) -> Answer:
            made = network.accept(request.json()["text"], key=request.headers.get("x-key"))
            return Answer(201, {"id": made.id})
"""

from __future__ import annotations

import json
import re
import secrets
import socket
import struct
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from passivepost.testing.server import Accepted, Fault


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a handler sees it. Header names are lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    names: dict[str, str] = field(default_factory=dict)  #: from the path: ``/posts/{id}``

    @property
    def token(self) -> str:
        """The bearer token, empty without one."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler answers; `body` is sent as JSON unless it is bytes."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Answer]


@dataclass(slots=True)
class _Armed:
    fault: Fault
    skip: int
    retry_after: float


class Double:
    """A network on a free port of loopback, from ``with`` to the end of its block.

    Override `refuse` where your network words its refusals differently. `requests` lists all that
    came in; a handler that raises gives 500, and its traceback is raised when the block ends.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.failures: list[str] = []
        self._routes: list[tuple[str, re.Pattern[str], bool, Handler]] = []
        self._ledger: list[Accepted] = []
        self._armed: list[_Armed] = []
        self._lock = threading.RLock()
        self._server = _Server(("127.0.0.1", 0), self)

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Double:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self.failures:
            raise AssertionError("a handler of the double failed:\n" + "\n".join(self.failures))

    # --- for authors ---

    def route(
        self, method: str, path: str, *, publishes: bool = False
    ) -> Callable[[Handler], Handler]:
        """Add a handler. Faults are played at routes that `publishes`."""
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + r"\Z")

        def add(handler: Handler) -> Handler:
            self._routes.append((method, pattern, publishes, handler))
            return handler

        return add

    def issue_tokens(self, path: str) -> None:
        """Answer token requests (RFC 6749 §5.1) at `path` with fresh tokens each time."""

        def fresh(request: Request) -> Answer:
            tokens = {"access_token": secrets.token_hex(16), "refresh_token": secrets.token_hex(16)}
            return Answer(200, {**tokens, "token_type": "Bearer", "expires_in": 3600})

        self.route("POST", path)(fresh)

    def accept(self, text: str, *, key: str | None = None, reply_to: str | None = None) -> Accepted:
        """Take a post into the ledger and give it an id. A `key` seen before gives the first."""
        with self._lock:
            for known in self._ledger:
                if key is not None and known.key == key:
                    return known
            made = Accepted(id=str(1001 + len(self._ledger)), text=text, key=key, reply_to=reply_to)
            self._ledger.append(made)
            return made

    def find(self, post_id: str) -> Accepted | None:
        """Return a live post; None when there is none."""
        return next((each for each in self._ledger if each.id == post_id and each.live), None)

    def accepted(self) -> Sequence[Accepted]:
        """Return what was taken, in order."""
        return list(self._ledger)

    def arm(self, fault: Fault, *, skip: int = 0, retry_after: float = 30.0) -> None:
        """Play a fault at the next request that publishes, after letting `skip` pass."""
        with self._lock:
            self._armed.append(_Armed(fault, skip, retry_after))

    def refuse(self, fault: Fault, request: Request, retry_after: float) -> Answer:
        """Return this network's words for a fault. Override to speak as yours does."""
        error = {"error": {"code": fault.value, "message": f"refused: {fault.value}"}}
        return {
            Fault.RATE_LIMIT: Answer(429, error, {"Retry-After": f"{retry_after:.0f}"}),
            Fault.EXPIRED: Answer(401, error),
            Fault.REVOKED: Answer(401, error),
            Fault.REJECT: Answer(422, error),
            Fault.DUPLICATE: Answer(409, error),
            Fault.REDIRECT: Answer(302, None, {"Location": f"{self.url}/elsewhere"}),
            Fault.ERROR_AFTER_ACCEPT: Answer(500, error),
        }[fault]

    # --- for the server ---

    def answer(self, request: Request) -> Answer | None:
        """Return the answer to a request; None: cut the connection."""
        with self._lock:
            self.requests.append(request)
            for method, pattern, publishes, handler in self._routes:
                found = pattern.match(request.path)
                if found is None or method != request.method:
                    continue
                named = Request(request.method, request.path, request.query, request.headers,
                                request.body, found.groupdict())  # fmt: skip
                return self._play(handler, named, self._due() if publishes else None)
            return Answer(404, {"error": {"code": "no_route", "message": request.path}})

    def _due(self) -> _Armed | None:
        for armed in self._armed:
            if armed.skip == 0:
                self._armed.remove(armed)
                return armed
            armed.skip -= 1
        return None

    def _play(self, handler: Handler, request: Request, armed: _Armed | None) -> Answer | None:
        after = {Fault.ERROR_AFTER_ACCEPT, Fault.CUT_AFTER_ACCEPT}
        if armed is not None and armed.fault not in after:
            return self.refuse(armed.fault, request, armed.retry_after)
        try:
            answer = handler(request)
        except Exception:
            self.failures.append(traceback.format_exc())
            return Answer(500, {"error": {"code": "bug", "message": "the double failed"}})
        if armed is None:
            return answer
        if armed.fault is Fault.CUT_AFTER_ACCEPT:
            return None
        return self.refuse(armed.fault, request, armed.retry_after)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], double: Double) -> None:
        self.double = double
        super().__init__(address, _Exchange)


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        assert isinstance(self.server, _Server)
        parts = urlsplit(self.path)
        answer = self.server.double.answer(
            Request(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query, keep_blank_values=True)),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            )
        )
        if answer is None:
            # Closing with linger 0 resets the connection, as a crash of the network would.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        body = b"" if answer.body is None else answer.body
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the base's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing: tests read `Double.requests`."""

    def finish(self) -> None:
        """End the exchange; a connection cut on purpose has nothing left to flush."""
        try:
            super().finish()
        except (OSError, ValueError):
            pass
