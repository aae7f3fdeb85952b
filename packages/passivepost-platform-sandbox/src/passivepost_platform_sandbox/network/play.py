"""Playing a fault: what a client sees in place of, or after, the real thing."""

from __future__ import annotations

import asyncio
import email.utils
import math
import socket
import struct
import time

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from passivepost_platform_sandbox.network.errors import Refused
from passivepost_platform_sandbox.network.faults import Faults, Rule
from passivepost_platform_sandbox.network.oauth import Session
from passivepost_platform_sandbox.network.service import Network

#: Key in the ASGI scope under which a server of our own leaves the way to its transport.
TRANSPORT = "sandbox.transport"


class Cut(Response):
    """An answer that never comes whole.

    Args:
        hang: seconds the connection stays open before it is cut.
    """

    def __init__(self, hang: float = 0.0) -> None:
        super().__init__(status_code=200)
        self._hang = hang

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hang, then reset the connection; where it is out of reach, break off the answer."""
        if self._hang:
            # The client going away ends the wait: a hung test must not hold up a shutdown.
            waiting = asyncio.ensure_future(_gone(receive))
            await asyncio.wait({waiting}, timeout=self._hang)
            waiting.cancel()
        transport = scope.get(TRANSPORT)
        if transport is not None:
            raw = transport.get_extra_info("socket")
            if raw is not None:  # closing with linger 0 sends RST: "connection reset by peer"
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
            return
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", b"1000"), (b"content-type", b"application/json")],
            }
        )
        await send({"type": "http.response.body", "body": b'{"id": "', "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def limited(faults: Faults, account: str | None) -> Refused | None:
    """Return the refusal of a call that comes before its limit is over, else None."""
    until, style = faults.limited.get(account or "", (0.0, ""))
    left = until - time.time()
    if left <= 0:
        faults.limited.pop(account or "", None)
        return None
    refusal = too_many(left, style)
    refusal.extra["early"] = True
    return refusal


def too_many(seconds: float, style: str) -> Refused:
    """Return a 429 that says in one of four header styles when to come back.

    They name whole seconds, rounded up: who comes at the time named is not early.
    """
    at, left = math.ceil(time.time() + seconds), str(max(1, math.ceil(seconds)))
    headers = {
        "retry-after": {"Retry-After": left},
        "http-date": {"Retry-After": email.utils.formatdate(at, usegmt=True)},
        "x-rate-limit-reset": {"x-rate-limit-reset": str(at), "x-rate-limit-remaining": "0"},
        "ratelimit-reset": {"RateLimit-Reset": left},
    }[style]
    return Refused(429, "rate_limited", "Too many posts. Come back later.", headers=headers)


async def before(network: Network, rule: Rule, who: Session | None) -> Response | None:
    """Play a fault instead of carrying a request out.

    Returns None for faults that the operation itself plays (``duplicate``).

    Raises:
        Refused: most of them.
    """
    account = who.username if who else None
    match rule.fault:
        case "rate_limit":
            network.faults.limited[account or ""] = (time.time() + rule.retry_after, rule.style)
            raise too_many(rule.retry_after, rule.style)
        case "expired":
            raise Refused(401, "expired_token", "The access token has expired.")
        case "revoked":
            if who is not None:
                await network.revoke_grant(who, "by its owner")
            raise Refused(401, "revoked_token", "This access was revoked by its owner.")
        case "reject":
            raise Refused(422, "rejected", rule.message)
        case "media_gone":
            raise Refused(422, "media_gone", "A medium of this post is not here (any more).")
        case "error":
            raise Refused(rule.status, "fault", "The sample network has a fault. Nothing was done.")
        case "redirect":
            return Response(status_code=302, headers={"Location": f"{network.base}/"})
        case "hang":
            return Cut(rule.seconds)
        case "reset":
            return Cut()
        case _:
            return None


def after(rule: Rule) -> Response:
    """Return the lying answer to a request that was carried out."""
    if rule.fault == "accept_then_hang":
        return Cut(rule.seconds)
    if rule.fault == "accept_then_reset":
        return Cut()
    body = {"error": {"code": "fault", "message": "The sample network has a fault."}}
    return JSONResponse(body, 500)
