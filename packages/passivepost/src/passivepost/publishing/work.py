"""What passes between the loop and the database threads."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from passivepost.sdk.content import Account
from passivepost.sdk.platform import Platform

if TYPE_CHECKING:
    from passivepost.publishing.media import File

#: A post and the token of its lease: what one task holds. Of a post alone, two may be at work.
Lease = tuple[UUID, int]


@dataclass(frozen=True, slots=True)
class Sealed:
    """An account's row as it is stored: its tokens are encrypted."""

    id: UUID
    space_id: UUID
    platform_user_id: str
    platform_username: str
    access_token_encrypted: str
    refresh_token_encrypted: str | None
    token_expires_at: datetime | None
    scopes: list[str] | None


@dataclass(slots=True, eq=False)
class Claim:
    """A post this worker holds the lease of, with all that publishing it needs."""

    post_id: UUID
    space_id: UUID
    account_id: UUID
    platform: Platform
    token: int  #: of the lease; a stale one can change nothing
    revision: int
    content_hash: str
    publish_key: UUID
    tries: int
    crashes: int
    attempts: int  #: armed so far
    armed_at: datetime | None  #: the first of them
    doubt: bool  #: an earlier attempt with this key may have been carried out
    progress: dict[str, Any]
    text: str
    media_urls: list[str]
    parts: list[dict[str, Any]]
    options: dict[str, Any]
    sealed: Sealed | None = None  #: None: the account is gone, or has no token
    account: Account | None = None  #: None: its credentials cannot be read
    locked: bool = False  #: its key is not in the key ring: the operator has to put it back
    attempt: Attempt | None = None  #: the one that is armed now
    files: dict[str, File] = field(default_factory=dict)  #: what its media are, by address


@dataclass(slots=True)
class Attempt:
    """An armed attempt: the durable permission for one call."""

    id: UUID
    n: int
    armed_at: datetime
    #: `clock.awake` seconds when the arming was known to be durable.
    known: float


@dataclass(slots=True)
class Arm:
    """A wish to arm."""

    claim: Claim
    attempt_id: UUID
    need: float  #: seconds of lease that must be left
    progress: str | None  #: JSON to store with it; None: as it was


class Move(enum.StrEnum):
    """Where a post goes from here."""

    POSTED = "posted"
    FAILED = "failed"  #: known not published, for good
    QUEUED = "queued"  #: known not published, again later, or held
    UNCONFIRMED = "unconfirmed"  #: may be published; looked for, then shown to a person
    AGAIN = "again"  #: known not published; the lease is kept for another attempt at once


@dataclass(slots=True, kw_only=True)
class Result:
    """What became of a claim; stored as it is, also in the spool when the database is away.

    Attributes:
        attempt_id: the armed attempt it closes; None when nothing was armed.
        outcome: of the attempt.
        delay: seconds until the next attempt (QUEUED) or read-back (UNCONFIRMED).
        hold: why it waits; for all the account's posts when `whole_account`.
        counted: the error counts towards the limit of tries.
    """

    post_id: UUID
    space_id: UUID
    account_id: UUID
    token: int
    move: Move
    attempt_id: UUID | None = None
    outcome: str | None = None
    ids: list[str] = field(default_factory=list)
    url: str | None = None
    delay: float | None = 0.0  #: None: unchanged (QUEUED), no further look (UNCONFIRMED)
    hold: str | None = None
    whole_account: bool = False
    counted: bool = False
    failure_kind: str | None = None
    message: str | None = None  #: for the person
    error_class: str | None = None
    http_status: int | None = None
    retry_after: float | None = None
    progress: str | None = None  #: JSON; None: as it was
    #: The arming failed in a way that leaves open whether it was stored; no call was made.
    unsure: bool = False

    @property
    def lease(self) -> Lease:
        """The lease it was got under."""
        return self.post_id, self.token


@dataclass(slots=True)
class Report:
    """What a round of delivering did: the answer of the cron endpoint."""

    claimed: int = 0
    posted: int = 0
    unconfirmed: int = 0
    failed: int = 0
    held: int = 0  #: waiting for something, a decision or a later try
    remaining: int = 0  #: due and not claimed
    busy: bool = False  #: another call of this process is delivering already

    def count(self, result: Result) -> None:
        """Add one result."""
        match result.move:
            case Move.POSTED:
                self.posted += 1
            case Move.FAILED:
                self.failed += 1
            case Move.UNCONFIRMED:
                self.unconfirmed += 1
            case _:
                self.held += 1
