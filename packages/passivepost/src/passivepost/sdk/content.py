"""What is published: parts of text and media. And what comes back."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A picture or video of a part.

    `load()` gives its bytes, fetched through the guarded client and checked against `digest`
    (SHA-256, hex) when one was taken; it raises `Rejected` when the file is gone or has changed.
    """

    url: str
    mime: str  #: such as ``image/png``
    size: int  #: bytes; 0 when not known yet
    alt: str = ""
    width: int = 0  #: pixels; 0 when not known
    height: int = 0
    digest: str = ""
    load: Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One message. A post has one; a thread has several, each a reply to the one before."""

    text: str
    media: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """All that is published in one go for one account."""

    parts: tuple[Part, ...]
    options: Mapping[str, Any] = field(default_factory=dict)  #: of the platform's own

    @property
    def text(self) -> str:
        """The text of the first part."""
        return self.parts[0].text


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What opens an account. Stored encrypted; never in a log, an error or a response.

    `extra` holds small facts that belong to them, such as the address of the account's server.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who an account is on the network."""

    platform_user_id: str
    username: str
    display_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A connected account, as platform methods see it."""

    id: UUID
    platform_user_id: str
    username: str
    credentials: Credentials = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The network has the post.

    `ids` holds the id of each part, in order; the first is the post's own.
    """

    ids: Sequence[str]
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a read-back saw of a post whose sending was interrupted.

    `ids`: of the parts found live, in order; empty: it is certainly not there. `complete`: all
    parts are live.
    """

    ids: Sequence[str]
    complete: bool
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Counts of one post; None where the network does not tell."""

    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    impressions: int | None = None
    extra: Mapping[str, int] = field(default_factory=dict)


class Feature(enum.StrEnum):
    """What a platform may offer beyond identify, validate and publish."""

    FIND_PUBLISHED = "find_published"
    METRICS = "metrics"
    DELETE = "delete"
    REFRESH = "refresh"
    TRENDS = "trends"
    MEDIA = "media"
    THREADS = "threads"
