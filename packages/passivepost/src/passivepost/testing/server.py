"""What the contract asks of the network it tests against: a ledger, and faults on demand."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol


class Fault(enum.StrEnum):
    """What a network may do with a request that publishes."""

    RATE_LIMIT = "rate_limit"  #: not accepted; 429 with the time to come back
    EXPIRED = "expired"  #: not accepted; the access token has run out
    REVOKED = "revoked"  #: not accepted; the person has taken the access back
    REJECT = "reject"  #: not accepted, for what it says
    DUPLICATE = "duplicate"  #: not accepted; this was posted already
    REDIRECT = "redirect"  #: not accepted; 302 to somewhere
    ERROR_AFTER_ACCEPT = "error_after_accept"  #: accepted, and then answered with 500
    CUT_AFTER_ACCEPT = "cut_after_accept"  #: accepted, and then no answer: the connection breaks


@dataclass(slots=True, kw_only=True)
class Accepted:
    """A post the network has taken. `key`: the idempotency key it came with, if any."""

    id: str
    text: str
    key: str | None = None
    reply_to: str | None = None
    live: bool = True  #: False after it was deleted
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


class Server(Protocol):
    """A network under test. `passivepost.testing.Double` is one; so can a real server be."""

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""

    def arm(self, fault: Fault, *, skip: int = 0, retry_after: float = 30.0) -> None:
        """Play a fault at the next request that publishes, after letting `skip` pass.

        Args:
            retry_after: seconds a `RATE_LIMIT` tells.
        """

    def accepted(self) -> Sequence[Accepted]:
        """Return what was taken, in order: the network's own ledger, not the platform's word."""
