"""What the accounts page shows: one card per network, made of two queries for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from musekit.api import Host, SocialAccount, SocialPost
from passivepost.accounts import service
from passivepost.accounts.registry import is_configured, platforms_of
from passivepost.accounts.schemas import AccountOut
from passivepost.models import in_state
from passivepost.pages.looks import Look, look_of
from passivepost.publishing.models import PublishState
from passivepost.sdk.capabilities import CredentialForm, NotAvailable, OAuth
from passivepost.sdk.content import Feature
from passivepost.sdk.platform import Platform

PLANNED = ("scheduled", "approved", "queued")


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Scheduled posts of an account: how many, how many of them held, and the next one's time."""

    planned: int = 0
    held: int = 0
    next_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Card:
    """One network and the account of it, if one is connected."""

    look: Look
    #: connected, broken, open (may be connected), unset (the operator has to act), unavailable
    state: str
    account: AccountOut | None = None
    waiting: Waiting = Waiting()
    form: CredentialForm | None = None  #: what is asked for; None: it connects by redirect
    reason: str = ""  #: why it is not available
    setting: str = ""  #: what the operator has to set
    renews: bool = False  #: access is renewed without the person
    told: bool = False  #: the network is told when it is disconnected


def cards(session: Session, host: Host) -> list[Card]:
    """Return a card per network: connected ones first, those that need a person before all."""
    accounts = {account["platform"]: account for account in service.list_accounts(session)}
    waiting, orphans = _waiting(session)
    renewing = _renewing(session)
    platforms = {platform.name: platform for platform in platforms_of(host).all()}
    made = []
    for name in dict.fromkeys([*accounts, *platforms]):
        platform, account = platforms.get(name), accounts.get(name)
        known = waiting.get(account["id"]) if account else orphans.get(name)
        made.append(
            _card(
                host,
                name,
                platform=platform,
                account=account,
                waiting=known or Waiting(),
                renewing=renewing,
            )
        )
    order = ("broken", "connected", "open", "unset", "unavailable")
    return sorted(made, key=lambda card: (order.index(card.state), card.look.label.lower()))


def _card(
    host: Host,
    name: str,
    *,
    platform: Platform | None,
    account: AccountOut | None,
    waiting: Waiting,
    renewing: set[UUID],
) -> Card:
    facts: dict[str, Any] = {"look": look_of(host, name), "waiting": waiting}
    if platform is not None:
        connection = platform.connection
        facts["form"] = connection if isinstance(connection, CredentialForm) else None
        facts["told"] = isinstance(connection, OAuth) and bool(connection.revoke_url)
    if account is not None:
        facts["renews"] = (
            platform is not None
            and Feature.REFRESH in platform.features
            and account["id"] in renewing
        )
        works = account["is_valid"] and platform is not None
        return Card(state="connected" if works else "broken", account=account, **facts)
    assert platform is not None
    if platform.stub or isinstance(platform.connection, NotAvailable):
        reason = getattr(platform.connection, "reason", "")
        return Card(state="unavailable", reason=reason, **facts)
    if not is_configured(platform):
        plugin = platforms_of(host).plugin_of(name)
        return Card(state="unset", setting=f"{plugin.upper()}_CLIENT_ID", **facts)
    return Card(state="open", **facts)


def _waiting(session: Session) -> tuple[dict[UUID, Waiting], dict[str, Waiting]]:
    """Return what waits by account, and by network what lost its account."""
    rows = session.execute(
        select(
            SocialPost.account_id,
            SocialPost.platform,
            func.count().label("planned"),
            func.sum(case((PublishState.hold.is_not(None), 1), else_=0)).label("held"),
            func.min(SocialPost.scheduled_at).label("next_at"),
        )
        .outerjoin(PublishState, PublishState.post_id == SocialPost.id)
        .where(in_state(SocialPost, PLANNED))
        .group_by(SocialPost.account_id, SocialPost.platform)
    )
    found: dict[UUID, Waiting] = {}
    orphans: dict[str, Waiting] = {}
    for row in rows:
        waiting = Waiting(planned=row.planned, held=int(row.held or 0), next_at=row.next_at)
        if row.account_id is None:
            orphans[row.platform] = waiting
        else:
            found[row.account_id] = waiting
    return found, orphans


def _renewing(session: Session) -> set[UUID]:
    """Return the accounts that hold a refresh token. The token itself is not read."""
    return set(
        session.scalars(
            select(SocialAccount.id).where(SocialAccount.refresh_token_encrypted.is_not(None))
        )
    )
