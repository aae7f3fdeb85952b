"""What PassivePost keeps of a person, for them to take along."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.api import SocialAccount, SocialPost
from passivepost.posts.models import PostDetails


def export(session: Session, user_id: UUID) -> dict[str, Any]:
    """Return a user's accounts, without tokens, and posts with all their parts, JSON-ready."""
    accounts = session.execute(
        select(
            SocialAccount.platform, SocialAccount.platform_user_id,
            SocialAccount.platform_username, SocialAccount.display_name,
            SocialAccount.connected_at,
        )
        .where(SocialAccount.user_id == user_id)
        .order_by(SocialAccount.connected_at, SocialAccount.id)
    )  # fmt: skip
    posts = session.execute(
        select(SocialPost, PostDetails)
        .outerjoin(PostDetails, PostDetails.post_id == SocialPost.id)
        .where(SocialPost.user_id == user_id)
        .order_by(SocialPost.created_at, SocialPost.id)
    )
    return {
        "accounts": [
            {**row._asdict(), "connected_at": row.connected_at.isoformat()} for row in accounts
        ],
        "posts": [_post(post, details) for post, details in posts],
    }


def _post(post: SocialPost, details: PostDetails | None) -> dict[str, Any]:
    media = [{"url": url, "alt": ""} for url in post.media_urls or ()]
    times = {
        name: moment.isoformat() if (moment := getattr(post, name)) else None
        for name in ("scheduled_at", "posted_at", "created_at")
    }
    return {
        "id": str(post.id), "platform": post.platform, "status": post.status,
        "parts": details.parts if details else [{"text": post.content, "media": media}],
        "options": details.options if details else {},
        "platform_post_id": post.platform_post_id,
        "post_url": details.post_url if details else None,
        "engagement": post.engagement_data, "ai_generated": post.ai_generated, **times,
    }  # fmt: skip
