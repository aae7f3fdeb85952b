"""A double of Resend: mails under idempotency keys, faults on demand, and signed webhooks.

What it knows is from resend-openapi 1.5.0 (August 2026), https://resend.com/docs/dashboard/emails/
idempotency-keys and /docs/api-reference/errors (November 2026), and for ``400 key`` from people who
tried; the names of headers and what is signed from the Standard Webhooks specification, which Svix
follows under names of its own. With
``MUSEKIT_SPECS_DIR`` what it takes and sends is held against the official description.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from jsonschema import Draft202012Validator
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from tests.support.asgi import serve

KEY = "re_double_canary_0123456789"
HOOK = "whsec_" + base64.b64encode(b"double-of-resend-signs-this").decode()
_MEMBERS = {"from", "to", "subject", "html", "text", "headers", "tags", "reply_to"}
_ERRORS: dict[str, tuple[int, str]] = {
    "500": (500, "internal_server_error"), "500 after": (500, "internal_server_error"),
    "401": (401, "missing_api_key"), "403": (403, "invalid_api_key"),
    "403 domain": (403, "validation_error"), "422": (422, "validation_error"),
    "400 key": (400, "validation_error"), "422 sender": (422, "invalid_from_address"),
    "409": (409, "concurrent_idempotent_requests"), "429": (429, "rate_limit_exceeded"),
    "429 later": (429, "daily_quota_exceeded"),
}  # fmt: skip


@dataclass
class Sent:
    """A mail that the double has taken."""

    id: str
    key: str
    body: dict[str, Any]


@dataclass
class ResendDouble:
    """Resend, on loopback.

    Attributes:
        mails: each mail once: what left for its receivers.
        asked: the key of every request, as it came.
        faults: taken by the next requests, "" for none. Without effect: ``401``, ``403``,
            ``403 domain``, ``400 key``, ``409``, ``422``, ``422 sender``, ``429``, ``429 later``
            (asks for an hour), ``500`` and ``html``. After the effect: ``500 after``, ``lost``
            (no answer), and ``slow`` (an answer after `pause`).
        rate: requests a second that are taken; 0: any number.
        pause: seconds until a slow answer.
    """

    url: str = ""
    mails: list[Sent] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    faults: deque[str] = field(default_factory=deque)
    rate: float = 0
    pause: float = 1
    _answers: dict[str, tuple[str, str]] = field(default_factory=dict)
    _last: float = 0

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator[ResendDouble]:
        """Serve a double; its address is `url`."""
        double = cls()
        with serve(Starlette(routes=[Route("/emails", double._send, methods=["POST"])])) as url:
            double.url = url
            yield double

    def forget_keys(self) -> None:
        """Let a day pass: keys are not known any more."""
        self._answers.clear()

    def per_key(self) -> Counter[str]:
        """How many mails left under each key."""
        return Counter(each.key for each in self.mails)

    async def _send(self, request: Request) -> Response:
        key = request.headers.get("idempotency-key", "")
        self.asked.append(key)
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return _refusal("403", "API key is invalid")
        fault = self.faults.popleft() if self.faults else ""
        if self.rate and time.monotonic() - self._last < 1 / self.rate:
            return _refusal("429", "Too many requests")
        self._last = time.monotonic()
        if fault == "html":
            return Response("<h1>Welcome to the proxy</h1>", media_type="text/html")
        if fault and fault not in ("500 after", "lost", "slow"):
            return _refusal(fault, f"API key is invalid: {KEY}" if fault == "400 key" else fault)
        body = await request.json()
        wrong = faults_of(body)
        if wrong or not 1 <= len(key) <= 256:
            return _refusal("422", "; ".join(wrong) or "the key is too long")
        known = self._answers.get(key)
        text = json.dumps(body, sort_keys=True)
        if known is not None and known[0] != text:
            error = {"statusCode": 409, "name": "invalid_idempotent_request", "message": "another"}
            return JSONResponse(error, 409)
        if known is None:
            known = self._answers[key] = (text, str(uuid4()))
            self.mails.append(Sent(known[1], key, body))
        if fault == "slow":
            await asyncio.sleep(self.pause)
        if fault == "500 after":
            return _refusal(fault, "An unexpected error occurred")
        return _Cut() if fault == "lost" else JSONResponse({"id": known[1]})

    def event(self, kind: str, mail: Sent, **data: Any) -> dict[str, Any]:
        """Return an event of a mail, such as ``email.bounced`` with ``bounce=…``."""
        about = {
            "email_id": mail.id, "created_at": "2026-11-23T10:00:00.000Z",
            "from": mail.body["from"], "to": mail.body["to"], "subject": mail.body["subject"],
            "tags": {each["name"]: each["value"] for each in mail.body["tags"]}, **data,
        }  # fmt: skip
        made = {"type": kind, "created_at": "2026-11-23T10:00:01.000Z", "data": about}
        schema = _schema("".join(part.title() for part in kind.split(".")) + "Event")
        if schema is not None:
            Draft202012Validator(schema).validate(made)
        return made


def delivery(
    event: Any, *, secret: str = HOOK, at: float | None = None, prefix: str = "svix"
) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of an event's delivery, signed."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    number, when = f"msg_{uuid4().hex}", str(int(time.time() if at is None else at))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.digest(key, f"{number}.{when}.".encode() + body, hashlib.sha256)
    return body, {
        "content-type": "application/json", f"{prefix}-id": number, f"{prefix}-timestamp": when,
        f"{prefix}-signature": f"v1,{base64.b64encode(signed).decode()}",
    }  # fmt: skip


def bounce(kind: str = "Permanent", sub_type: str = "General") -> dict[str, Any]:
    """Return what an event says of a bounce."""
    return {
        "type": kind, "subType": sub_type, "message": "The recipient's server rejected it.",
        "diagnosticCode": ["smtp; 550 5.1.1 user unknown"],
    }  # fmt: skip


def faults_of(body: Any) -> list[str]:
    """Return what is wrong with the body of a request to send."""
    schema = _schema("SendEmailRequest")
    found = [e.message for e in Draft202012Validator(schema).iter_errors(body)] if schema else []
    found += [f"{name} is required" for name in ("from", "to", "subject") if not body.get(name)]
    return found + [f"{name} is unknown" for name in sorted(body.keys() - _MEMBERS)]


@cache
def _schema(name: str) -> dict[str, Any] | None:
    """Return an official schema; None where the description is not at hand."""
    folder = os.environ.get("MUSEKIT_SPECS_DIR")
    if not folder:
        return None
    whole = json.loads((Path(folder) / "resend" / "resend.json").read_text())
    return {"$ref": f"#/components/schemas/{name}", "components": whole["components"]}


def _refusal(fault: str, message: str) -> Response:
    status, name = _ERRORS[fault]
    headers = {"retry-after": "3600"} if fault == "429 later" else {}
    error = {"statusCode": status, "name": name, "message": message}
    return JSONResponse(error, status, headers=headers)


class _Cut(Response):
    """An answer whose connection breaks before its end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = [(b"content-type", b"application/json"), (b"content-length", b"500")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b'{"id": "', "more_body": False})
