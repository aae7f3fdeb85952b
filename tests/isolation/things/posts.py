"""Posts of people in every state, and what makes new ones."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import update
from tests.isolation.things.accounts import account
from tests.isolation.world import SYSTEM, Person, World, mark

from musekit.api import SocialPost, new_id
from passivepost.posts.models import PostDetails
from passivepost.publishing.models import PublishAttempt, PublishState

#: Kind → the statuses on its way: the trigger takes allowed moves only.
_WAYS = {
    "draft": ("draft",), "scheduled": ("scheduled",), "failed": ("scheduled", "failed"),
    "unconfirmed": ("scheduled", "queued", "posting"),
}  # fmt: skip


def draft(world: World, it: Person) -> UUID:
    """A draft of the person's."""
    return post(world, it)


def planned(world: World, it: Person) -> UUID:
    """A scheduled post of the person's."""
    return post(world, it, "scheduled")


def unconfirmed(world: World, it: Person) -> UUID:
    """A post that was sent without an answer."""
    return post(world, it, "unconfirmed")


def content(world: World, it: Person) -> dict[str, Any]:
    """A new draft."""
    return {"platform": "sandbox", "content": "Hello"}


def composed(world: World, it: Person) -> dict[str, Any]:
    """What the composer's form sends."""
    account(world, it)
    return {"platforms": ["sandbox"], "text": ["Hello"], "action": "draft"}


def post(world: World, it: Person, kind: str = "draft") -> UUID:
    """A ``draft``, ``scheduled``, ``unconfirmed`` or ``failed`` post; a new one if changed."""
    at = account(world, it)
    known = world.made.get((it.name, kind))
    if known is None or not _is_as_made(world, known, at, kind):
        known = world.made[it.name, kind] = _write(world, it, at, kind)
    return known


def _is_as_made(world: World, post_id: UUID, at: UUID, kind: str) -> bool:
    review = "unconfirmed" if kind == "unconfirmed" else None
    with world.host.database.session(SYSTEM, readonly=True) as session:
        row = session.get(SocialPost, post_id)
        if row is None or (row.status, row.account_id) != (_WAYS[kind][-1], at):
            return False
        state = session.get(PublishState, post_id)
        return (state.review if state else None) == review


def _write(world: World, it: Person, account_id: UUID, kind: str) -> UUID:
    now = datetime.now(UTC)
    due = now + timedelta(days=2) if kind == "scheduled" else now - timedelta(minutes=9)
    post_id, body = new_id(), f"{mark(it)} wrote this {uuid4().hex[:6]}"
    content_hash = hashlib.sha256(body.encode()).hexdigest()
    shared = {"space_id": it.space_id, "updated_at": now}
    with world.host.database.session(SYSTEM) as session:
        session.add(
            SocialPost(
                id=post_id, user_id=it.user_id, account_id=account_id, platform="sandbox",
                content=body, status=_WAYS[kind][0],
                scheduled_at=None if kind == "draft" else due, **shared,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            PostDetails(
                post_id=post_id, parts=[{"text": body, "media": []}], revision=1,
                content_hash=content_hash, timezone="UTC", **shared,
            )
        )  # fmt: skip
        session.flush()
        for status in _WAYS[kind][1:]:
            session.execute(
                update(SocialPost).where(SocialPost.id == post_id).values(status=status)
            )
        if kind != "draft":
            plan = {
                "post_id": post_id, "space_id": it.space_id, "account_id": account_id,
                "content_hash": content_hash,
            }  # fmt: skip
            session.add_all(_published(kind, due, plan))
    return post_id


def _published(
    kind: str, due: datetime, plan: dict[str, Any]
) -> list[PublishState | PublishAttempt]:
    """What the publisher knows of a post."""
    doubt, key = kind == "unconfirmed", uuid4()
    state = PublishState(
        platform="sandbox", due_at=due, next_attempt_at=due, revision=1, publish_key=key,
        stage={"scheduled": "waiting", "unconfirmed": "posting"}.get(kind, "done"),
        review="unconfirmed" if doubt else None, progress={}, attempts=int(doubt),
        armed_at=due if doubt else None,
        failure_kind="rejected" if kind == "failed" else None, updated_at=datetime.now(UTC), **plan,
    )  # fmt: skip
    if not doubt:
        return [state]
    attempt = PublishAttempt(
        id=new_id(), n=1, publish_key=key, lease_token=1, opened_at=due, armed_at=due,
        responded_at=due, outcome="unknown", detail="no answer came", worker="tests",
        code_version="0", **plan,
    )  # fmt: skip
    return [state, attempt]
