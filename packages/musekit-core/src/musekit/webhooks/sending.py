"""One try: the request, and what came of it. No database, no unit of work."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from musekit.kernel.outbound.client import Interrupted, NotSent, OutboundClient, StreamedResponse
from musekit.webhooks import signing

#: Bytes of an answer that are read, so that its connection can be used again. What they say is
#: neither looked at nor kept: a log of answers would let people read what only we can reach.
READ_ON = 16 * 1024
#: Seconds that this may take.
READ_SECONDS = 0.5
#: Longest wait that a receiver may ask for (``Retry-After``), in seconds.
LONGEST_ASKED = 3600.0
_PATIENCE = frozenset({429, 503})


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a try.

    Attributes:
        status: of the answer, if one came.
        error: class of the failure, "" for none: ``status``, ``redirect``, ``gone``, ``timeout``,
            ``unreachable``, ``tls``, ``broken``, ``unreadable``.
        ms: how long it took.
        wait: seconds that the receiver asked to be left alone for.
    """

    status: int | None = None
    error: str = ""
    ms: int = 0
    wait: float = 0.0

    @property
    def delivered(self) -> bool:
        """True if the receiver has taken the message."""
        return not self.error


def body_of(payload: dict[str, Any]) -> bytes:
    """Return the bytes that are signed and sent: the same for the same payload."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


async def send(
    client: OutboundClient,
    url: str,
    message_id: UUID,
    payload: dict[str, Any],
    *,
    secrets: Sequence[str],
    seconds: float,
) -> Outcome:
    """Send a message once; what goes wrong is an outcome, not an error.

    Its status decides, as soon as it is there; of the body no more is read than is convenient.

    Args:
        secrets: that sign, at least one.
        seconds: for the whole of it.
    """
    began = time.monotonic()
    body = body_of(payload)
    headers = signing.headers(secrets, signing.message_name(message_id), int(time.time()), body)
    headers["Content-Type"] = "application/json"
    try:
        async with client.stream(
            "POST", url, headers=headers, content=body, first_byte_timeout=seconds,
            total_timeout=seconds,
        ) as answer:  # fmt: skip
            outcome = _judged(answer, _since(began))
            with contextlib.suppress(TimeoutError, Interrupted):
                async with asyncio.timeout(READ_SECONDS):
                    await answer.aread(READ_ON)
    except (NotSent, Interrupted) as error:
        outcome = Outcome(error=_class_of(error), ms=_since(began))
    return outcome


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _judged(answer: StreamedResponse, ms: int) -> Outcome:
    status = answer.status_code
    if 200 <= status < 300:
        return Outcome(status=status, ms=ms)
    if status == 410:
        return Outcome(status=status, error="gone", ms=ms)
    if 300 <= status < 400:  # never followed: it could lead to where nobody may be sent
        return Outcome(status=status, error="redirect", ms=ms)
    asked = answer.headers.get("Retry-After", "")
    wait = min(float(asked), LONGEST_ASKED) if asked.isascii() and asked.isdecimal() else 0.0
    return Outcome(status=status, error="status", ms=ms, wait=wait if status in _PATIENCE else 0.0)


def _class_of(error: NotSent | Interrupted) -> str:
    """Return the class of a failure.

    A name that does not resolve, a port where nobody listens and an address that may not be called
    are one class: to tell them apart would let people map networks that only we can see.
    """
    cause = error.__context__
    if isinstance(cause, TimeoutError):
        return "timeout"
    if isinstance(cause, ssl.SSLError):
        return "tls"
    return "unreachable" if isinstance(error, NotSent) else "broken"
