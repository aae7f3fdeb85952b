"""What there is to tell: posts that ended or are in doubt, accounts that were lost.

Nothing of this stands between a call to a network and its record: it reads what was stored, some
seconds later, by indexes that hold the few rows in question (ADR 0019).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from musekit.api import SocialAccount
from passivepost.alerts.models import AlertLog
from passivepost.models import PostRow
from passivepost.notifications.events import DISCONNECTED, FAILED, PUBLISHED, UNCONFIRMED
from passivepost.notifications.models import ToldNews
from passivepost.posts.models import PostDetails
from passivepost.publishing.models import PublishAttempt, PublishState

#: Told to people, not to webhooks: a post in doubt that cannot be found out by itself.
ASKED = "post.asked"
#: Told to people as well.
TREND = "trend"
#: Things told in one unit of work.
BATCH = 200
#: How far back is looked: what was stored while no worker ran is told late, what is older never.
FAR = timedelta(days=2)
NEAR = timedelta(hours=2)
_LIVE = ("confirmed", "reconciled_live", "resolved_live")


class News(NamedTuple):
    """One thing that is to be told."""

    what: str
    subject: UUID
    edition: UUID
    space_id: UUID
    user_id: UUID | None
    platform: str
    fields: Mapping[str, Any]


def failed(session: Session, since: datetime) -> list[News]:
    """Return posts that have failed since a moment, and are not told of."""
    where = (PublishState.stage == "done", PublishState.failure_kind.is_not(None),
             PublishState.updated_at >= since, PostRow.status == "failed")  # fmt: skip
    return _posts(session, FAILED, _of_state(FAILED, *where).order_by(PublishState.updated_at))


def unconfirmed(session: Session) -> list[News]:
    """Return posts that were sent without a confirmation."""
    where = (PublishState.review == "unconfirmed",)
    return _posts(session, UNCONFIRMED, _of_state(UNCONFIRMED, *where))


def asked(session: Session) -> list[News]:
    """Return those of them of which only a person can say what became of them."""
    where = (PublishState.review == "unconfirmed", PublishState.reconcile_at.is_(None))
    return _posts(session, ASKED, _of_state(ASKED, *where))


def published(session: Session, since: datetime, spaces: Mapping[UUID, datetime]) -> list[News]:
    """Return posts that became live, in spaces where somebody wants to know.

    Args:
        since: attempts that began earlier were seen before. Their ids are in the order of time.
        spaces: space → since when somebody does.
    """
    if not spaces:
        return []
    recent = (
        PublishAttempt.id >= _first_id(since), PublishAttempt.outcome.in_(_LIVE),
        PublishAttempt.space_id.in_(spaces),
    )  # fmt: skip
    # What was in doubt for long is live by a later look, or by what a person says.
    doubted = (
        PublishAttempt.outcome.in_(_LIVE), PublishAttempt.space_id.in_(spaces),
        exists().where(ToldNews.what == UNCONFIRMED, ToldNews.subject == PublishAttempt.post_id,
                       ToldNews.edition == PublishAttempt.publish_key),
    )  # fmt: skip
    found = [
        *_posts(session, PUBLISHED, _of_attempt(*recent)),
        *_posts(session, PUBLISHED, _of_attempt(*doubted)),
    ]
    return list({(each.subject, each.edition): each for each in found}.values())[:BATCH]


def lost(session: Session) -> list[News]:
    """Return accounts that have to be connected again."""
    waiting = (
        select(func.count())
        .where(PublishState.account_id == SocialAccount.id, PublishState.hold == "reconnect")
        .correlate(SocialAccount)
        .scalar_subquery()
    )
    rows = session.execute(
        select(SocialAccount.id, SocialAccount.space_id, SocialAccount.user_id,
               SocialAccount.platform, SocialAccount.platform_username, SocialAccount.last_error,
               waiting.label("waiting"))
        .where(SocialAccount.is_valid.is_(False),
               ~_told(DISCONNECTED, SocialAccount.id, SocialAccount.id))
        .order_by(SocialAccount.id)
        .limit(BATCH)
    )  # fmt: skip
    return [
        News(
            DISCONNECTED, row.id, row.id, row.space_id, row.user_id, row.platform,
            {"handle": row.platform_username, "message": row.last_error, "waiting": row.waiting},
        )
        for row in rows
    ]  # fmt: skip


def trends(session: Session, since: datetime) -> list[News]:
    """Return trends that were seen since a moment, and that nobody has done anything about."""
    rows = session.scalars(
        select(AlertLog)
        .where(AlertLog.created_at >= since, AlertLog.action_taken.is_(None),
               ~_told(TREND, AlertLog.id, AlertLog.id))
        .order_by(AlertLog.created_at.desc(), AlertLog.id)
        .limit(BATCH)
    )  # fmt: skip
    return [
        News(TREND, row.id, row.id, row.space_id, row.user_id, row.platform,
             {"text": row.trend_text, "url": row.source_url})
        for row in rows
    ]  # fmt: skip


def back(session: Session) -> Select[Any]:
    """Return the query for accounts that were told of as lost and are connected again, or gone."""
    valid = exists().where(SocialAccount.id == ToldNews.subject, SocialAccount.is_valid.is_(False))
    return select(ToldNews.subject).where(ToldNews.what == DISCONNECTED, ~valid)


def _of_state(what: str, *where: ColumnElement[bool]) -> Select[Any]:
    return (
        _columns(PublishState.publish_key, PublishState.failure_kind)
        .join(PublishState, PublishState.post_id == PostRow.id)
        .where(*where, ~_told(what, PostRow.id, PublishState.publish_key))
    )


def _of_attempt(*where: ColumnElement[bool]) -> Select[Any]:
    return (
        _columns(PublishAttempt.publish_key, PublishAttempt.error_class)
        .join(PublishAttempt, PublishAttempt.post_id == PostRow.id)
        .where(*where, PostRow.status == "posted",
               ~_told(PUBLISHED, PostRow.id, PublishAttempt.publish_key))
        .order_by(PublishAttempt.id)
    )  # fmt: skip


def _columns(edition: Any, reason: Any) -> Select[Any]:
    query: Any = (
        select(PostRow.id, PostRow.space_id, PostRow.user_id, PostRow.platform, PostRow.account_id,
               PostRow.content, PostRow.scheduled_at, PostRow.posted_at, PostRow.platform_post_id,
               PostRow.error_message, PostDetails.post_url, edition.label("edition"),
               reason.label("reason"))
        .outerjoin(PostDetails, PostDetails.post_id == PostRow.id)
        .limit(BATCH)
    )  # fmt: skip
    found: Select[Any] = query
    return found


def _posts(session: Session, what: str, query: Select[Any]) -> list[News]:
    return [
        News(
            what, row.id, row.edition, row.space_id, row.user_id, row.platform,
            {
                "account_id": row.account_id, "content": row.content,
                "scheduled_at": row.scheduled_at, "posted_at": row.posted_at,
                "platform_post_id": row.platform_post_id, "url": row.post_url,
                "reason": row.reason, "message": row.error_message,
            },
        )
        for row in session.execute(query)
    ]  # fmt: skip


def _told(what: str, subject: Any, edition: Any) -> ColumnElement[bool]:
    return exists().where(
        ToldNews.what == what, ToldNews.subject == subject, ToldNews.edition == edition
    )


def _first_id(moment: datetime) -> UUID:
    """Return the smallest id that a row made at a moment can have (version-7 UUIDs)."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
