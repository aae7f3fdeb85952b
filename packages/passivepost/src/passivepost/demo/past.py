"""Posts of the past: rows as the publisher would have left them, each marked as a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.api import SocialAccount, SocialPost, new_id
from passivepost.posts.models import PostDetails
from passivepost.posts.text import content_hash
from passivepost.publishing.models import PublishAttempt


def add_past(
    session: Session, account_id: UUID, posts: Sequence[Mapping[str, Any]], url: str
) -> int:
    """Add posts that the network shows already; those known are left alone.

    Args:
        posts: as the network gives them: ``id``, ``text``, ``created_at``.
        url: address of the network, to link to.

    Returns:
        How many were added.
    """
    account = session.get_one(SocialAccount, account_id)
    known = set(
        session.scalars(
            select(SocialPost.platform_post_id).where(SocialPost.account_id == account_id)
        )
    )
    fresh = [post for post in posts if post["id"] not in known]
    for post in fresh:
        _add(session, account, post, f"{url}/posts/{post['id']}")
    return len(fresh)


def _add(session: Session, account: SocialAccount, post: Mapping[str, Any], url: str) -> None:
    at = datetime.fromisoformat(post["created_at"])
    parts = [{"text": post["text"], "media": []}]
    row = SocialPost(
        id=new_id(), space_id=account.space_id, user_id=account.user_id, account_id=account.id,
        platform=account.platform, content=post["text"], media_urls=[], status="posted",
        scheduled_at=at, posted_at=at, platform_post_id=post["id"],
        created_at=at - timedelta(hours=20), updated_at=at,
    )  # fmt: skip
    session.add(row)
    session.flush()  # the row the others refer to goes first
    session.add_all(
        [
            PostDetails(
                post_id=row.id, space_id=row.space_id, parts=parts, options={}, revision=1,
                content_hash=content_hash(parts, {}), timezone="UTC",
                wall_time=f"{at:%Y-%m-%dT%H:%M}", posted_ids=[post["id"]], post_url=url,
                updated_at=at,
            ),
            PublishAttempt(
                id=new_id(), space_id=row.space_id, post_id=row.id, n=1, publish_key=uuid4(),
                account_id=account.id, lease_token=1, content_hash=content_hash(parts, {}),
                opened_at=at, armed_at=at, responded_at=at, http_status=201,
                platform_post_id=post["id"], outcome="confirmed",
                detail="Sample data: put here by the demo.", worker="demo", code_version="demo",
            ),
        ]
    )  # fmt: skip
