"""The publisher's side of what people do: schedule, pull back, decide. ORM only, commits nothing.

These run in sessions of users, so they see rows of their space alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.api import ConflictError, Host, InvalidError, NotFoundError, SocialPost, Stop
from passivepost.posts.models import PostDetails
from passivepost.publishing.models import PublishAttempt, PublishState
from passivepost.publishing.work import Report
from passivepost.sdk.platform import Progress

Decision = Literal["live", "resend", "drop"]


def live_ids(state: PublishState | None) -> list[str]:
    """Return the ids of the parts of an unfinished thread that are on the network, in order."""
    progress = (state.progress if state is not None else None) or {}
    return [str(each) for each in progress.get("ids") or ()]


def schedule(
    session: Session,
    post: SocialPost,
    details: PostDetails,
    *,
    at: datetime,
    resumed: Callable[[Progress], Progress] | None = None,
    fresh: bool = False,
) -> PublishState:
    """Put a post into the due queue. The caller has set its status to scheduled or approved.

    The publish key is new each time: attempts of an earlier scheduling are another matter. What
    an earlier scheduling brought to the network stays known: a thread goes on after its live
    parts, and the caller has seen to it that these are unchanged (`posts.resuming`).

    Args:
        resumed: the platform's `resumed`, for a post that may be live in part; without it the
            ids of the live parts are kept.
        fresh: the post was made in this unit of work, so it cannot be in the queue; the caller
            flushes.
    """
    if at.tzinfo is None:
        raise ValueError("naive datetime: say which zone it is in")
    state = None if fresh else session.get(PublishState, post.id, with_for_update=True)
    if state is None:
        state = PublishState(post_id=post.id, space_id=post.space_id)
        session.add(state)
    else:
        _check_mine(state)
    state.account_id, state.platform = post.account_id, post.platform
    state.stage, state.due_at, state.next_attempt_at = "waiting", at, at
    state.revision, state.content_hash = details.revision, details.content_hash
    state.publish_key = uuid4()
    _clear(state)
    state.tries = state.crashes = 0
    ids = [] if fresh else live_ids(state)
    state.progress = {**(resumed(state.progress) if resumed else {}), "ids": ids} if ids else {}
    if not fresh:
        session.flush()
    return state


def pull_back(session: Session, post: SocialPost) -> None:
    """Take a post out of the due queue. A worker that holds it walks away from it.

    Raises:
        ConflictError: it is being sent at this moment, or it is not known whether it was.
    """
    state = session.get(PublishState, post.id, with_for_update=True)
    if state is None:
        return
    _check_mine(state)
    _clear(state)
    state.stage = "done"
    session.flush()


def reschedule(
    session: Session, post: SocialPost, details: PostDetails, *, at: datetime
) -> PublishState:
    """Give a scheduled post another time. Raises `ConflictError` as `pull_back` does."""
    pull_back(session, post)
    return schedule(session, post, details, at=at)


def resolve(
    session: Session,
    post_id: UUID,
    decision: Decision,
    ids: Sequence[str] | None = None,
    *,
    url: str | None = None,
) -> None:
    """Carry out a person's decision about a post that was sent without an answer, or is late.

    Args:
        decision: ``live``: it is on the network; ``resend``: it is not, or it was late: send it
            now; ``drop``: it is not, and shall not be sent.
        ids, url: where it is, with ``live``, as far as the person knows.

    Raises:
        NotFoundError: there is no such post in this space.
        ConflictError: there is nothing to decide.
    """
    # The post first, then its state, as everywhere: two who change it queue up.
    post = session.scalars(
        select(SocialPost).where(SocialPost.id == post_id).with_for_update()
    ).first()
    state = session.get(PublishState, post_id, with_for_update=True)
    if post is None or state is None:
        raise NotFoundError("There is no such post here.")
    if state.review == "unconfirmed":
        _resolve_doubt(session, post, state, decision, ids=list(ids or ()), url=url)
    elif state.hold == "late" and state.lease_until is None:
        _resolve_late(session, post, state, decision)
    else:
        raise ConflictError("There is nothing to decide about this post. Nothing was changed.")
    post.updated_at = state.updated_at = datetime.now(UTC)
    session.flush()


def _resolve_doubt(
    session: Session,
    post: SocialPost,
    state: PublishState,
    decision: Decision,
    *,
    ids: list[str],
    url: str | None,
) -> None:
    attempt = session.scalars(
        select(PublishAttempt)
        .where(PublishAttempt.post_id == post.id, PublishAttempt.publish_key == state.publish_key)
        .order_by(PublishAttempt.n.desc())
        .limit(1)
        .with_for_update()
    ).one()
    now = datetime.now(UTC)
    _clear(state, review="resolved")
    attempt.outcome = "resolved_live" if decision == "live" else "resolved_absent"
    attempt.responded_at = attempt.responded_at or now
    post.error_message = None
    if decision == "live":
        _check_free(session, state, ids)
        attempt.platform_post_id = ids[0] if ids else None
        state.stage, post.status, post.posted_at = "done", "posted", attempt.armed_at or now
        post.platform_post_id = ids[0] if ids else None
        details = session.get(PostDetails, post.id)
        if details is not None:
            details.posted_ids, details.post_url = ids, url or details.post_url
    elif decision == "resend":
        state.stage, post.status, state.review = "queued", "queued", None
        state.due_at = state.next_attempt_at = now
        state.tries = 0
    else:
        state.stage, state.failure_kind, post.status = "done", "dropped", "failed"
        post.error_message = "Checked by a person: not on the network, and not to be sent again."


def _resolve_late(
    session: Session, post: SocialPost, state: PublishState, decision: Decision
) -> None:
    now = datetime.now(UTC)
    if decision == "live":
        raise ConflictError("This post was never sent, so it cannot be live. Nothing was changed.")
    _clear(state)
    if decision == "resend":
        state.due_at = state.next_attempt_at = now
        return
    state.stage = "done"
    if post.status == "queued":  # the moves allowed lead over scheduled
        post.status = "scheduled"
        session.flush()
    post.status = "draft"


def _check_free(session: Session, state: PublishState, ids: list[str]) -> None:
    if ids and session.scalar(
        select(PublishAttempt.id).where(
            PublishAttempt.account_id == state.account_id,
            PublishAttempt.platform_post_id == ids[0],
            PublishAttempt.post_id != state.post_id,
        )
    ):
        raise InvalidError(
            "That is the address of another post published here. Nothing was changed.",
            errors=[{"field": "ids", "message": "belongs to another post"}],
        )


def _check_mine(state: PublishState) -> None:
    if state.review == "unconfirmed":
        raise ConflictError(
            "This post was sent, but the network did not confirm it. Say first whether it is live."
        )
    if state.stage == "posting":
        raise ConflictError("This post is being sent at this moment. Nothing was changed.")


def _clear(state: PublishState, *, review: str | None = None) -> None:
    """Take away holds, reviews and the lease; a worker that holds the lease finds it stale."""
    state.hold = state.hold_detail = state.failure_kind = state.reconcile_at = None
    state.review, state.reconciles, state.preparing = review, 0, False
    state.lease_token = (state.lease_token or 0) + 1
    state.lease_owner = state.lease_until = None
    state.updated_at = datetime.now(UTC)


def deliver_once(host: Host, *, budget: float) -> Report:
    """Deliver what is due within `budget` seconds: `passivepost.publishing.once`, when needed."""
    from passivepost.publishing import once

    return once.deliver_once(host, budget=budget)


class PublisherService:
    """The worker service that the plugin declares; the publisher is imported when it runs."""

    @staticmethod
    def run(host: Host, stop: Stop) -> None:
        """Publish until `stop` is requested and what was in hand is settled."""
        from passivepost.publishing import publisher

        publisher.run(host, stop)
