"""``/dashboard/social/posts``: where is that post, and what happened to it?"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from musekit.api import (
    Actor,
    ConflictError,
    Host,
    HostDep,
    InvalidError,
    flash,
    redirect,
    render,
    requires,
)
from passivepost.accounts.registry import platforms_of
from passivepost.accounts.service import get_account
from passivepost.pages.looks import look_of, looks_of, sentence_of, state_of
from passivepost.pages.richtext import pieces
from passivepost.posts import clock, service, views
from passivepost.posts.story import story
from passivepost.publishing.queue import state_row
from passivepost.tiers import allowance

router = APIRouter()
PAGE = "/dashboard/social/posts"
PER_PAGE = 25

Reader = Annotated[Actor, requires("social.posts.read", browser=True)]
Writer = Annotated[Actor, requires("social.posts.write", browser=True)]

#: The filters of the list: key of the address, label, states.
FILTERS = (
    ("", "All", ()),
    ("drafts", "Drafts", ("draft",)),
    ("planned", "Planned", ("scheduled", "approved", "queued", "posting")),
    ("posted", "Posted", ("posted",)),
    ("failed", "Failed", ("failed",)),
    ("ignored", "Set aside", ("ignored",)),
)
#: Near enough to its time to be watched.
SOON = timedelta(minutes=3)


@router.get(PAGE)
def posts_page(
    *,
    request: Request,
    host: HostDep,
    actor: Reader,
    show: Annotated[str, Query(max_length=20)] = "",
    platform: Annotated[str, Query(max_length=60)] = "",
    cursor: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """List posts, newest first."""
    statuses = next((states for key, _, states in FILTERS if key == show), ())
    if not platform.isidentifier():
        platform = ""  # no name of a network, and maybe none a database takes: as if not asked
    with host.database.session(actor, readonly=True) as session:
        filters = {"status": statuses, "platform": platform or None}
        try:
            page = views.list_posts(
                session, actor.space_id, cursor=cursor or None, limit=PER_PAGE, **filters
            )
        except InvalidError:
            return redirect(PAGE)  # a cursor of old, or mistyped
    items = page["items"]
    return render(
        request, "passivepost/posts.html", items=items, next_cursor=page["next_cursor"],
        looks=looks_of(host, (post["platform"] for post in items)), state_of=state_of,
        show=show, platform=platform, cursor=cursor, filters=FILTERS,
        platforms=[(p.name, p.label) for p in platforms_of(host).all() if not p.stub],
        may_write=actor.may("social.posts.write"),
    )  # fmt: skip


@router.get(f"{PAGE}/{{post_id:uuid}}")
def post_page(request: Request, host: HostDep, actor: Reader, post_id: UUID) -> Response:
    """Show a post as it looks there, its state, and its history."""
    return render(request, "passivepost/post.html", **_context(host, actor, post_id))


@router.get(f"{PAGE}/{{post_id:uuid}}/live")
def post_live(
    request: Request,
    host: HostDep,
    actor: Reader,
    post_id: UUID,
    version: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Give the page's changing part anew if it has changed; else 204."""
    context = _context(host, actor, post_id)
    if context["version"] == version:
        return Response(status_code=204)
    return render(request, "passivepost/post/live.html", **context | {"replaces": True})


@router.post(f"{PAGE}/{{post_id:uuid}}/delete")
def delete_post(request: Request, host: HostDep, actor: Writer, post_id: UUID) -> Response:
    """Delete a post here; what a network shows stays there."""
    assert actor.space_id is not None
    allowed = allowance(host, actor.space_id)
    try:
        with host.database.session(actor) as session:
            service.remove(session, host, post_id, allowed)
    except ConflictError as error:
        flash(request, error.detail, "danger")
        return redirect(f"{PAGE}/{post_id}")
    flash(request, "The post is deleted here.", "info")
    return redirect(PAGE)


def _context(host: Host, actor: Actor, post_id: UUID) -> dict[str, Any]:
    now = datetime.now(UTC)
    with host.database.session(actor, readonly=True) as session:
        post = views.get_post(session, post_id)
        state = state_row(session, post_id)
        account = None
        if post["account_id"] is not None:
            account = get_account(session, post["account_id"])
    shown = state_of(post)
    at = post["scheduled_at"]
    live = shown in ("queued", "posting", "unconfirmed") or (
        shown in ("scheduled", "approved") and at is not None and at < now + SOON
    )
    facts = (shown, post["revision"], post["updated_at"], post["hold"], len(post["attempts"]),
             [a["outcome"] for a in post["attempts"]], post["engagement_data"], live)  # fmt: skip
    return {
        "post": post,
        "state": shown,
        "sentence": sentence_of(post, state=state),
        "look": look_of(host, post["platform"]),
        "account": account,
        "story": story(post),
        "pieces": pieces,
        "live": live,
        "replaces": False,  # True: sent in place of what is shown already
        "wall": clock.wall_time(at, actor.timezone) if at else "",
        "version": hashlib.sha256(repr(facts).encode()).hexdigest()[:16],
        "may_write": actor.may("social.posts.write"),
        "may_publish": actor.may("social.posts.publish"),
    }
