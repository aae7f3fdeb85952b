"""The one table of a network's limits and facts: counter, splitter, preview, validation, API
errors and docs all read it, so they cannot disagree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class TextRule:
    """How the network measures text.

    Args:
        limit: the most it takes, in `unit`.
        unit: what is counted, for people: ``characters``, ``graphemes`` …
        count: gives the measure of a text as the network counts it.
        max_bytes: a second limit on UTF-8 bytes, where there is one.
        link_length: what every link counts, where that is fixed (X: 23).
    """

    limit: int
    unit: str = "characters"
    count: Callable[[str], int] = len
    max_bytes: int | None = None
    link_length: int | None = None


@dataclass(frozen=True, kw_only=True)
class MediaRule:
    """What one kind of media must be like. Sizes in bytes, durations in seconds."""

    mimes: frozenset[str]
    max_count: int
    max_bytes: int
    alt_limit: int = 0  #: characters of alt text; 0: the network takes none
    max_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a network takes."""

    text: TextRule
    images: MediaRule | None = None
    video: MediaRule | None = None
    max_parts: int = 1  #: more than 1: threads
    needs_media: bool = False  #: a post of text alone is not possible
    text_required: bool = True


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The price of one call, in US dollars, with its source and date."""

    operation: str
    usd: float
    source: str


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What the publisher must know to never post twice. No field has a default on purpose.

    Args:
        idempotency: ``native`` (the network honours a key of ours), ``client_key`` (we choose the
            record's id, a repeat writes the same record), ``two_step`` (a container first, then
            one publish), ``none``.
        read_back: whether `find_published` can tell what is live: ``yes``, ``paid``, ``no``.
        duplicate_signal: a refusal of a repeat carries the first one's ``id``, ``no_id``, or the
            network gives ``none``.
        refresh: refresh tokens are ``rotating`` (single use), ``static`` or there are ``none``.
        longest_call: seconds after which a call counts as cut; above the network's p99.9.
        costs: price per call, where calls cost money.
    """

    idempotency: Literal["native", "client_key", "two_step", "none"]
    read_back: Literal["yes", "paid", "no"]
    duplicate_signal: Literal["id", "no_id", "none"]
    refresh: Literal["rotating", "static", "none"]
    longest_call: float
    costs: Sequence[Cost] = field(default=())


@dataclass(frozen=True, kw_only=True)
class OAuth:
    """Connection by OAuth 2.0 authorization code.

    `client_id` empty: the operator has not set the platform up; pages say where to do it.
    `register_url`: the network's page on which an operator gets a client id.
    """

    authorize_url: str
    token_url: str
    scopes: Sequence[str]
    client_id: str
    client_secret: str = field(repr=False)
    pkce: bool
    client_auth: Literal["basic", "body"] = "basic"
    revoke_url: str | None = None
    extra_params: dict[str, str] = field(default_factory=dict)
    register_url: str = ""


@dataclass(frozen=True, kw_only=True)
class CredentialField:
    """A field of a connection form."""

    name: str
    label: str
    help: str = ""
    secret: bool = False
    placeholder: str = ""
    required: bool = True


@dataclass(frozen=True, kw_only=True)
class CredentialForm:
    """Connection by what the person types, such as a handle and an app password."""

    fields: Sequence[CredentialField]
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class NotAvailable:
    """A declared network that cannot be connected yet, and why."""

    reason: str


Connection = OAuth | CredentialForm | NotAvailable
