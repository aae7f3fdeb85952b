"""``/dashboard/social/overview``: how is it going, what needs me? And the card on the dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request
from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session
from starlette.responses import Response

from musekit.api import Actor, Host, HostDep, SocialAccount, Space, render, requires
from passivepost.accounts.cards import Card, cards
from passivepost.models import PostRow, in_state
from passivepost.pages.looks import looks_of
from passivepost.posts import caps, clock
from passivepost.publishing.queue import LIVE, queue
from passivepost.tiers import allowance

router = APIRouter()
WEEK = timedelta(days=7)


@router.get("/dashboard/social/overview")
def overview_page(
    request: Request,
    host: HostDep,
    actor: Annotated[Actor, requires("social.posts.read", browser=True)],
) -> Response:
    """Show what needs the person, what comes next, and how the connections are."""
    assert actor.space_id is not None
    now = datetime.now(UTC)
    allowed = allowance(host, actor.space_id)
    with host.database.session(actor, readonly=True) as session:
        posts = queue(session, actor.space_id)
        counts = _counts(session, actor, now)
        space = session.get_one(Space, actor.space_id)
        month = clock.day_of(now, space.timezone)[:7]
        used = caps.used(session, actor.space_id, caps.POSTS, [month])[month]
        accounts: list[Card] = []
        if actor.may("social.accounts.read"):
            accounts = [card for card in cards(session, host) if card.account is not None]
    coming = [post for post in posts if not post.needs_somebody]
    return render(
        request, "passivepost/overview.html",
        waiting=[post for post in posts if post.needs_somebody],
        coming=coming[:5], more=max(0, len(coming) - 5), accounts=accounts, counts=counts,
        broken=[each for each in accounts if each.state == "broken"],
        tier=allowed.tier, month_limit=allowed.limit("posts_per_month"), month_used=used,
        looks=looks_of(host, (post.platform for post in posts)), now=now,
        may_publish=actor.may("social.posts.publish"), may_write=actor.may("social.posts.write"),
    )  # fmt: skip


def card(host: Host, actor: Actor | None) -> Mapping[str, Any] | None:
    """Return what the dashboard's card says; None for who may not see posts."""
    if actor is None or actor.space_id is None or not actor.may("social.posts.read"):
        return None
    with host.database.session(actor, readonly=True) as session:
        posts = queue(session, actor.space_id)
        counts = _counts(session, actor, datetime.now(UTC))
        broken = session.scalar(
            select(func.count()).select_from(SocialAccount).where(
                SocialAccount.space_id == actor.space_id, SocialAccount.is_valid.is_(False)
            )
        )  # fmt: skip
    coming = [post for post in posts if not post.needs_somebody]
    return {
        "waiting": len(posts) - len(coming),
        "next": coming[0] if coming else None,
        "looks": looks_of(host, (post.platform for post in coming[:1])),
        "counts": counts,
        "broken": broken or 0,
    }


def _counts(session: Session, actor: Actor, now: datetime) -> dict[str, int]:
    """Return how many posts went out and come, this week and the one before.

    Only rows of these weeks are read, and what is not posted, each through its index.
    """
    at, week = PostRow.scheduled_at, now - WEEK
    posted = (PostRow.status == "posted") & (at >= now - 2 * WEEK)
    coming = in_state(PostRow, LIVE) & (at < now + WEEK)
    failed = in_state(PostRow, ("failed",)) & (at >= week)
    draft = in_state(PostRow, ("draft",))
    row = session.execute(
        select(
            func.sum(case((posted & (at >= week), 1), else_=0)),
            func.sum(case((posted & (at < week), 1), else_=0)),
            func.sum(case((coming, 1), else_=0)),
            func.sum(case((failed, 1), else_=0)),
            func.sum(case((draft, 1), else_=0)),
        ).where(
            PostRow.space_id == actor.space_id,
            or_(posted, coming, failed, draft),
        )
    ).one()
    names = ("posted", "posted_before", "coming", "failed", "drafts")
    return {name: int(value or 0) for name, value in zip(names, row, strict=True)}
