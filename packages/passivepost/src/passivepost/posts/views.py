"""Posts as they are shown: one query per list or post, never one per row."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, Uuid, literal, select, tuple_
from sqlalchemy.orm import Session

from musekit.api import InvalidError, NotFoundError, UtcDateTime
from passivepost.models import PostRow, in_state
from passivepost.posts.models import PostDetails
from passivepost.posts.schemas import PostOut, PostPage, PostSummary
from passivepost.posts.text import warnings_of
from passivepost.publishing.models import PublishAttempt, PublishState
from passivepost.publishing.service import live_ids

_SUMMARY = (
    PostRow.id, PostRow.user_id, PostRow.account_id, PostRow.platform, PostRow.content,
    PostRow.media_urls, PostRow.status, PostRow.scheduled_at, PostRow.posted_at,
    PostRow.platform_post_id, PostRow.engagement_data, PostRow.error_message, PostRow.ai_generated,
    PostRow.brand_voice, PostRow.trend_source, PostRow.niche_triggered, PostRow.created_at,
    PostRow.updated_at, PublishState.hold, PublishState.review,
)  # fmt: skip
_KEYS = tuple(column.key for column in _SUMMARY)
_PUBLISH = (
    "stage", "due_at", "next_attempt_at", "hold", "hold_detail", "review", "failure_kind", "tries",
)  # fmt: skip
_ATTEMPT = (
    "n", "armed_at", "responded_at", "outcome", "error_class", "detail", "http_status",
    "platform_post_id",
)  # fmt: skip


def page_statement(
    space_id: UUID | None,
    *,
    platform: str | None = None,
    status: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> Select[Any]:
    """Return the list query: newest first, after the cursor, one row more than `limit`.

    The space is named here though the guard adds it too: the plan must start from the index.
    """
    statement = (
        select(*_SUMMARY)
        .outerjoin(PublishState, PublishState.post_id == PostRow.id)
        .where(PostRow.space_id == space_id)
        .order_by(PostRow.created_at.desc(), PostRow.id.desc())
        .limit(limit + 1)
    )
    if platform is not None:
        statement = statement.where(PostRow.platform == platform)
    if status:
        statement = statement.where(in_state(PostRow, status))
    if since is not None:
        statement = statement.where(PostRow.scheduled_at >= since)
    if until is not None:
        statement = statement.where(PostRow.scheduled_at < until)
    if before is not None:
        moment, post_id = literal(before[0], UtcDateTime()), literal(before[1], Uuid())
        statement = statement.where(
            tuple_(PostRow.created_at, PostRow.id) < tuple_(moment, post_id)
        )
    return statement


def list_posts(
    session: Session, space_id: UUID | None, *, cursor: str | None, limit: int, **filters: Any
) -> PostPage:
    """Return a page of a space's posts, newest first.

    Args:
        cursor: `next_cursor` of the page before; None for the first page.
        filters: as for `page_statement`.

    Raises:
        InvalidError: the cursor is not one of ours.
    """
    before = _from_cursor(cursor) if cursor else None
    statement = page_statement(space_id, before=before, limit=limit, **filters)
    rows = session.execute(statement).all()
    items: list[PostSummary] = [
        dict(zip(_KEYS, row, strict=True))  # type: ignore[misc]
        for row in rows[:limit]
    ]
    more = len(rows) > limit
    return {"items": items, "next_cursor": _to_cursor(rows[limit - 1]) if more else None}


def get_post(session: Session, post_id: UUID) -> PostOut:
    """Return a post in full, with its attempts.

    Raises:
        NotFoundError: there is none of that id in this space.
    """
    row = session.execute(
        select(*_SUMMARY, PostDetails, PublishState)
        .outerjoin(PublishState, PublishState.post_id == PostRow.id)
        .outerjoin(PostDetails, PostDetails.post_id == PostRow.id)
        .where(PostRow.id == post_id)
    ).first()
    if row is None:
        raise NotFoundError("There is no such post here.")
    attempts = session.scalars(
        select(PublishAttempt).where(PublishAttempt.post_id == post_id).order_by(PublishAttempt.n)
    )
    summary = dict(zip(_KEYS, row, strict=False))
    return full(summary, row.PostDetails, row.PublishState, list(attempts))


def full(
    summary: dict[str, Any],
    details: PostDetails | None,
    state: PublishState | None,
    attempts: Sequence[PublishAttempt] = (),
) -> PostOut:
    """Put together a post in full. A row made without details shows its one text."""
    parts = details.parts if details else _parts_of(summary)
    found: dict[str, Any] = {
        **summary,
        "parts": parts,
        "options": details.options if details else {},
        "revision": details.revision if details else 1,
        "timezone": details.timezone if details else "UTC",
        "wall_time": details.wall_time if details else None,
        "post_url": details.post_url if details else None,
        "posted_ids": _posted_ids(summary, details, state),
        "publish": {name: getattr(state, name) for name in _PUBLISH} if state else None,
        "attempts": [{name: getattr(each, name) for name in _ATTEMPT} for each in attempts],
        "warnings": warnings_of(parts),
    }
    return cast(PostOut, found)


def summary_of(row: Any, *, state: PublishState | None, **extension: Any) -> dict[str, Any]:
    """Return the summary of a `SocialPost` object at hand, without asking the database."""
    values = {name: getattr(row, name, None) for name in _KEYS}
    values["hold"] = state.hold if state else None
    values["review"] = state.review if state else None
    return {**values, **extension}


def _posted_ids(
    summary: dict[str, Any], details: PostDetails | None, state: PublishState | None
) -> list[str]:
    """Return the ids of the parts that are live: of a thread that stopped half-way, the first."""
    if summary["status"] != "posted":
        return live_ids(state)
    alone = [summary["platform_post_id"]] if summary["platform_post_id"] else []
    return (details.posted_ids if details else []) or alone


def _parts_of(summary: dict[str, Any]) -> list[dict[str, Any]]:
    media = [{"url": url, "alt": ""} for url in summary["media_urls"] or []]
    return [{"text": summary["content"], "media": media}]


def _to_cursor(row: Any) -> str:
    text = f"{row.created_at.isoformat()} {row.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _from_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        moment, _, post_id = base64.urlsafe_b64decode(padded).decode().partition(" ")
        found = datetime.fromisoformat(moment), UUID(post_id)
        if found[0].tzinfo is None:
            raise ValueError("naive")
        return found
    except ValueError:
        raise InvalidError(
            "This cursor is not one that a list has given. Start again without it.",
            errors=[{"field": "cursor", "message": "not a cursor"}],
        ) from None
