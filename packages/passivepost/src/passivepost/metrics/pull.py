"""Pulling engagement numbers: in batches per account, into the post and its time series."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from musekit.api import Actor, Host, SocialAccount, SocialPost
from passivepost.accounts import refresh, vault
from passivepost.accounts.calling import ask
from passivepost.accounts.registry import platforms_of
from passivepost.metrics.models import PostMetric
from passivepost.sdk.content import Account, Feature, Metrics
from passivepost.sdk.errors import AuthExpired, AuthRevoked, PlatformError
from passivepost.sdk.http import Interrupted, NotSent
from passivepost.sdk.platform import Platform
from passivepost.settings import PassivePostSettings

logger = logging.getLogger(__name__)

SYSTEM = Actor.system("engagement-pull")
BATCH = 100  #: posts of one account asked for in one call
ACCOUNTS = 100  #: accounts read at a time
TIMEOUT = 60.0


@dataclass(kw_only=True)
class Report:
    """What a pull did: posts that got numbers, posts whose platform could not be asked."""

    pulled: int = 0
    failed: int = 0


def pull(host: Host, *, budget: float | None = None) -> Report:
    """Pull the numbers of the posts of the last days, account by account.

    Args:
        budget: seconds after which no further account is begun; None: until all are done.
    """
    report, end = Report(), time.monotonic() + (budget if budget is not None else float("inf"))
    days = host.settings_of(PassivePostSettings).engagement_days
    since = datetime.now(UTC) - timedelta(days=days)
    names = [
        p.name for p in platforms_of(host).all() if Feature.METRICS in p.features and not p.stub
    ]
    after: UUID | None = None
    while time.monotonic() < end:
        with host.database.session(SYSTEM, readonly=True) as session:
            page = _accounts(session, names, after)
            accounts = vault.load_accounts(session, host, [i for i, _ in page], failures={})
            posts = _posts(session, list(accounts), since)
        if not page:
            break
        after = page[-1][0]
        for account_id, name in page:
            platform, account = platforms_of(host).find(name), accounts.get(account_id)
            if platform is None or account is None or time.monotonic() >= end:
                continue
            _pull_account(host, platform, account, posts.get(account_id, []), report)
    return report


def _pull_account(
    host: Host,
    platform: Platform,
    account: Account,
    posts: Sequence[tuple[UUID, UUID, str]],
    report: Report,
) -> None:
    for start in range(0, len(posts), BATCH):
        batch = posts[start : start + BATCH]
        try:
            account, found = _ask(host, platform, account, [post[2] for post in batch])
        except (PlatformError, NotSent, Interrupted, TimeoutError) as error:
            logger.warning("no metrics from %s: %s", platform.name, type(error).__name__)
            report.failed += len(posts) - start
            return
        with host.database.session(SYSTEM) as session:
            report.pulled += _store(session, batch, found)


def _ask(
    host: Host, platform: Platform, account: Account, ids: list[str]
) -> tuple[Account, Mapping[str, Metrics]]:
    account = refresh.fresh(host, account, platform)
    try:
        return account, ask(host, platform, platform.fetch_metrics, account, ids, timeout=TIMEOUT)
    except AuthExpired as error:
        if not refresh.can_refresh(platform, account.credentials):
            raise AuthRevoked(error.message) from error
        account = refresh.refresh(host, account.id, stale=account.credentials.access_token)
        return account, ask(host, platform, platform.fetch_metrics, account, ids, timeout=TIMEOUT)


def _accounts(session: Session, names: list[str], after: UUID | None) -> list[tuple[UUID, str]]:
    statement = (
        select(SocialAccount.id, SocialAccount.platform)
        .where(SocialAccount.platform.in_(names), SocialAccount.is_valid.is_(True))
        .order_by(SocialAccount.id)
        .limit(ACCOUNTS)
    )
    if after is not None:
        statement = statement.where(SocialAccount.id > after)
    return [(row.id, row.platform) for row in session.execute(statement)]


def _posts(
    session: Session, accounts: list[UUID], since: datetime
) -> dict[UUID, list[tuple[UUID, UUID, str]]]:
    """Return (post, space, id on the network) of recent posts, by account."""
    found: dict[UUID, list[tuple[UUID, UUID, str]]] = {}
    for row in session.execute(
        select(
            SocialPost.id, SocialPost.space_id, SocialPost.account_id, SocialPost.platform_post_id
        ).where(
            SocialPost.account_id.in_(accounts),
            SocialPost.status == "posted",
            SocialPost.platform_post_id.is_not(None),
            SocialPost.posted_at >= since,
        )
    ):
        found.setdefault(row.account_id, []).append((row.id, row.space_id, row.platform_post_id))
    return found


def _store(
    session: Session, batch: Sequence[tuple[UUID, UUID, str]], found: Mapping[str, Metrics]
) -> int:
    now = datetime.now(UTC)
    readings = [
        (post, space, found[network_id]) for post, space, network_id in batch if network_id in found
    ]
    if not readings:
        return 0
    # A post may have been deleted since it was read; its numbers go with it.
    alive = set(
        session.scalars(select(SocialPost.id).where(SocialPost.id.in_([r[0] for r in readings])))
    )
    readings = [reading for reading in readings if reading[0] in alive]
    if readings:
        session.execute(insert(PostMetric), [_row(*each, now) for each in readings])
        session.execute(
            update(SocialPost),
            [{"id": post, "engagement_data": as_data(each, now)} for post, _, each in readings],
        )
    return len(readings)


def as_data(metrics: Metrics, at: datetime) -> dict[str, Any]:
    """Return the reference's ``engagement_data``: the counts that the network told."""
    counts = {
        "likes": metrics.likes,
        "comments": metrics.comments,
        "shares": metrics.shares,
        "impressions": metrics.impressions,
        **metrics.extra,
    }
    return {k: v for k, v in counts.items() if v is not None} | {"updated_at": at.isoformat()}


def _row(post: UUID, space: UUID, metrics: Metrics, now: datetime) -> dict[str, Any]:
    return {
        "post_id": post, "taken_at": now, "space_id": space, "likes": metrics.likes,
        "comments": metrics.comments, "shares": metrics.shares,
        "impressions": metrics.impressions, "extra": dict(metrics.extra),
    }  # fmt: skip
