"""What a platform package implements: one object of `Platform`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from passivepost.sdk import oauth
from passivepost.sdk.capabilities import Capabilities, Connection, Delivery, OAuth
from passivepost.sdk.content import (
    Account,
    Content,
    Credentials,
    Feature,
    Found,
    Identity,
    Metrics,
    Published,
)
from passivepost.sdk.http import AsyncClient

Progress = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """One publish: everything a platform needs, and a way to note progress.

    Attributes:
        http: the host's client; connections are kept alive, nothing is retried.
        key: this publish's own key, the same in every attempt; for idempotency headers.
        progress: what earlier attempts and `prepare` noted, JSON-ready; empty at first.
        checkpoint: ``await checkpoint({"ids": [...]})`` stores progress durably before it
            returns. Call it after each step that the network cannot take back.
        armed_at: when the first attempt was armed (UTC); None before. For read-backs.
    """

    http: AsyncClient
    account: Account
    content: Content
    post_id: UUID
    key: str
    progress: Progress = field(default_factory=dict)
    checkpoint: Callable[[Progress], Awaitable[None]]
    armed_at: datetime | None = None


class Platform:
    """A network. Subclass it, fill in the facts, implement three methods and what else it offers.

    Methods are async and raise only `passivepost.sdk.errors` (and let the client's `NotSent` and
    `Interrupted` pass). They hold no state about accounts.
    """

    name: ClassVar[str]  #: lower case, in URLs and in the database: ``twitter``
    label: ClassVar[str]  #: for people: ``X``
    color: ClassVar[str]  #: brand colour, ``#rrggbb``
    icon: ClassVar[str] = ""  #: inline SVG path data (24×24 box); empty: the label's first letter
    features: ClassVar[frozenset[Feature]] = frozenset()
    capabilities: Capabilities
    delivery: Delivery
    connection: Connection
    #: `prepare` has work for posts without media, too; else it is not called for them.
    prepares_text: ClassVar[bool] = False
    stub: ClassVar[bool] = False  #: steps aside for a real package of the same name

    # --- Required ---------------------------------------------------------------------------------

    async def identify(self, http: AsyncClient, credentials: Credentials) -> Identity:
        """Say whose credentials these are. Also the check behind "validate account"."""
        raise NotImplementedError

    def validate(self, content: Content) -> list[str]:
        """Return faults beyond what `capabilities` already says; an empty list when there are none.

        No network, no waiting: this runs while the person types.
        """
        return []

    async def publish(self, call: Publish) -> Published:
        """Publish, going on from `call.progress`, never starting over. One attempt, no retries."""
        raise NotImplementedError

    # --- By declared feature ----------------------------------------------------------------------

    async def prepare(self, call: Publish) -> Progress:
        """Do what can be undone or repeated before the send: upload media, choose a record key.

        Called for posts with media, and for all where `prepares_text` is set. What it returns is
        stored with the arming of the attempt and comes back as `progress`.
        """
        return call.progress

    def resumed(self, progress: Progress) -> Progress:
        """Return what of `progress` still holds when a thread that is live in part goes on anew.

        Called when somebody schedules such a post again; the parts that are not live may have
        been edited, so files uploaded for them are not theirs any more. By default the ids of the
        live parts are kept. Keep what else your `publish` needs to know of those; always ``ids``.
        """
        return {"ids": list(progress.get("ids", ()))}

    async def find_published(self, call: Publish) -> Found | None:
        """Look for this post on the network; None when that cannot be told now."""
        raise NotImplementedError

    async def fetch_metrics(
        self, http: AsyncClient, account: Account, post_ids: Sequence[str]
    ) -> Mapping[str, Metrics]:
        """Return counts by post id, for those the network still has."""
        raise NotImplementedError

    async def delete(self, http: AsyncClient, account: Account, post_id: str) -> None:
        """Delete a post; done also when it was gone already."""
        raise NotImplementedError

    async def refresh(self, http: AsyncClient, credentials: Credentials) -> Credentials:
        """Return fresh credentials. For platforms that connect by `OAuth` this one works as it is.

        Raises:
            AuthRevoked: the grant is gone. Any other error says nothing about the grant.
        """
        if isinstance(self.connection, OAuth):
            return await oauth.refresh(http, self.connection, credentials)
        raise NotImplementedError

    async def search_trends(
        self, http: AsyncClient, account: Account, query: str
    ) -> Sequence[Mapping[str, str]]:
        """Return trends for a query, which is never empty: ``text`` and ``url`` each."""
        raise NotImplementedError

    # --- Connecting -------------------------------------------------------------------------------

    async def connect(self, http: AsyncClient, values: Mapping[str, str]) -> Credentials:
        """Turn what was typed into a `CredentialForm` into credentials.

        Raises:
            Rejected: with a message for the person: wrong password, unknown handle.
        """
        raise NotImplementedError

    def post_url(self, account_name: str, post_id: str) -> str | None:
        """Return the public address of a post, where there is one."""
        return None
