"""The background jobs beside publishing: health of platforms, trends, engagement."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select

from musekit.api import Actor, Host, JobRun, SocialAccount, new_id
from passivepost.accounts import vault
from passivepost.accounts.calling import ask
from passivepost.accounts.connect import TIMEOUT, check_account
from passivepost.accounts.models import OAuthFlow, PlatformHealth
from passivepost.accounts.registry import platforms_of
from passivepost.alerts.models import AlertLog
from passivepost.metrics.pull import pull
from passivepost.metrics.topics import topics
from passivepost.publishing.models import PublishAttempt
from passivepost.sdk.content import Account, Feature
from passivepost.sdk.errors import PlatformError
from passivepost.sdk.http import Interrupted, NotSent
from passivepost.sdk.platform import Platform

logger = logging.getLogger(__name__)

HEALTH = Actor.system("platform-health")
TRENDS = Actor.system("trend-monitor")
RECENT = timedelta(hours=1)
TREND_ACCOUNTS = 200  #: accounts searched with, in one run
TRENDS_KEPT = 10  #: per account and run


def health_check(run: JobRun) -> None:
    """``social-health-check``: find out how each platform does, and store it."""
    for platform in platforms_of(run.host).all():
        if not platform.stub:
            _check_platform(run.host, platform)
    with run.host.database.session(HEALTH) as session:
        session.execute(
            delete(OAuthFlow)
            .where(OAuthFlow.expires_at < datetime.now(UTC) - timedelta(days=1))
            .execution_options(synchronize_session=False)
        )


def engagement_pull(run: JobRun) -> None:
    """``social-engagement-pull``: pull the numbers of recent posts."""
    report = pull(run.host)
    logger.info("engagement pulled: %s posts, %s not readable", report.pulled, report.failed)


def trend_monitor(run: JobRun) -> None:
    """``social-trend-monitor``: look for trends on the platforms that offer a search.

    What is searched for is what the space writes about (`topics`). A space that does not tell
    is not searched for: networks refuse an empty query, or count it as a paid one.
    """
    for platform in platforms_of(run.host).all():
        if Feature.TRENDS in platform.features and not platform.stub:
            for account, space_id, user_id, topic in _searchers(run.host, platform):
                try:
                    trends = ask(
                        run.host, platform, platform.search_trends, account, topic, timeout=TIMEOUT
                    )
                except (PlatformError, NotSent, Interrupted, TimeoutError) as error:
                    logger.warning("no trends from %s: %s", platform.name, type(error).__name__)
                    break
                with run.host.database.session(TRENDS) as session:
                    seen = set(
                        session.scalars(
                            select(AlertLog.trend_text).where(
                                AlertLog.user_id == user_id,
                                AlertLog.created_at > datetime.now(UTC) - timedelta(days=7),
                            )
                        )
                    )
                    session.add_all(
                        AlertLog(
                            id=new_id(), space_id=space_id, user_id=user_id,
                            trend_text=trend["text"][:1000], platform=platform.name,
                            source_url=trend.get("url") or None, created_at=datetime.now(UTC),
                        )
                        for trend in list(trends)[:TRENDS_KEPT]
                        if trend.get("text") and trend["text"][:1000] not in seen
                    )  # fmt: skip


def _searchers(host: Host, platform: Platform) -> list[tuple[Account, UUID, UUID, str]]:
    with host.database.session(TRENDS, readonly=True) as session:
        rows = session.execute(
            select(SocialAccount.id, SocialAccount.space_id, SocialAccount.user_id)
            .where(SocialAccount.platform == platform.name, SocialAccount.is_valid.is_(True))
            .limit(TREND_ACCOUNTS)
        ).all()
        about = topics(session, {row.space_id for row in rows})
        rows = [row for row in rows if row.space_id in about]
        accounts = vault.load_accounts(session, host, [row.id for row in rows], failures={})
    return [
        (accounts[r.id], r.space_id, r.user_id, about[r.space_id]) for r in rows if r.id in accounts
    ]


def _check_platform(host: Host, platform: Platform) -> None:
    """Judge by the last hour's attempts; without any, ask with one account where that is free."""
    since = datetime.now(UTC) - RECENT
    with host.database.session(HEALTH, readonly=True) as session:
        counted: dict[str | None, int] = {
            row.outcome: row.n
            for row in session.execute(
                select(PublishAttempt.outcome, func.count().label("n"))
                .join(SocialAccount, SocialAccount.id == PublishAttempt.account_id)
                .where(SocialAccount.platform == platform.name, PublishAttempt.armed_at > since)
                .group_by(PublishAttempt.outcome)
            )
        }
        row = session.execute(
            select(SocialAccount.id)
            .where(SocialAccount.platform == platform.name, SocialAccount.is_valid.is_(True))
            .order_by(SocialAccount.last_validated_at)
            .limit(1)
        ).first()
        accounts = (
            vault.load_accounts(session, host, [row.id], failures={}) if row is not None else {}
        )
    latency: int | None = None
    total = sum(counted.values())
    if total:
        bad = counted.get("unknown", 0) + counted.get("not_sent", 0)
        status = "ok" if bad * 5 < total else "degraded" if bad * 2 < total else "down"
        detail = f"{total - bad} of {total} posts of the last hour went through."
    elif row is not None and row.id in accounts and _is_free(platform):
        begun = time.monotonic()
        valid, _ = check_account(host, platform.name, row.id, accounts[row.id])
        latency = round((time.monotonic() - begun) * 1000)
        status = "down" if valid is None else "ok"
        # Everybody reads this row: what the network told one account is not repeated in it.
        detail = "It could not be asked." if valid is None else "It answers."
    else:
        status, detail = "unknown", "Nothing was sent in the last hour."
    with host.database.session(HEALTH) as session:
        session.merge(
            PlatformHealth(
                platform=platform.name, status=status, detail=detail[:500], latency_ms=latency,
                checked_at=datetime.now(UTC),
            )
        )  # fmt: skip


def _is_free(platform: Platform) -> bool:
    return not any(cost.operation == "identify" for cost in platform.delivery.costs)
