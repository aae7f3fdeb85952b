"""A first draft for people who sign up in a demo."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from musekit.api import Actor, Host, SocialPost, User, new_id
from passivepost.accounts.registry import platforms_of
from passivepost.demo import samples
from passivepost.demo.settings import DemoSettings
from passivepost.posts.models import PostDetails
from passivepost.posts.text import content_hash


def leave_draft(host: Host, user_id: UUID, space_id: UUID) -> None:
    """Put a sample draft into a new person's space; the sample person has drafts of their own."""
    if platforms_of(host).find(samples.PLATFORM) is None:
        return
    now, parts = datetime.now(UTC), [{"text": samples.WELCOME, "media": []}]
    with host.database.session(Actor.system("demo")) as session:
        if session.get_one(User, user_id).email == host.settings_of(DemoSettings).email:
            return
        post = SocialPost(
            id=new_id(), space_id=space_id, user_id=user_id, platform=samples.PLATFORM,
            content=samples.WELCOME, media_urls=[], status="draft", created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(post)
        session.flush()  # the row the other refers to goes first
        session.add(
            PostDetails(
                post_id=post.id, space_id=space_id, parts=parts, options={}, revision=1,
                content_hash=content_hash(parts, {}), timezone="UTC", posted_ids=[],
                updated_at=now,
            )
        )  # fmt: skip
