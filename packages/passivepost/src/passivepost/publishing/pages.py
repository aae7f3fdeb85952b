"""``/dashboard/social/queue``: what goes out next? And what people do with a planned post."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.responses import Response

from musekit.api import (
    Actor,
    Host,
    HostDep,
    MuseKitError,
    NotFoundError,
    flash,
    redirect,
    render,
    requires,
)
from passivepost.pages.looks import looks_of
from passivepost.posts import service, views
from passivepost.posts.schemas import PostUpdate, Resolve
from passivepost.publishing.bell import knock
from passivepost.publishing.queue import SHOWN, Queued, by_day, queue, size, state_row
from passivepost.tiers import Allowance, allowance

router = APIRouter()
PAGE, POST = "/dashboard/social/queue", "/dashboard/social/posts"

Reader = Annotated[Actor, requires("social.posts.read", browser=True)]
Writer = Annotated[Actor, requires("social.posts.write", browser=True)]
Publisher = Annotated[Actor, requires("social.posts.publish", browser=True)]
#: Where a form goes afterwards: the page it stood on.
Back = Annotated[Literal["queue", "post", "overview"], Form()]


@router.get(PAGE)
def queue_page(request: Request, host: HostDep, actor: Reader) -> Response:
    """Show what is planned, by day, with what waits for somebody on top."""
    return render(request, "passivepost/queue.html", **_context(host, actor))


@router.get(f"{PAGE}/live")
def queue_live(
    request: Request,
    host: HostDep,
    actor: Reader,
    version: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Give the list anew if it has changed; else 204, and the page stays as it is."""
    context = _context(host, actor)
    if context["version"] == version:
        return Response(status_code=204)
    return render(request, "passivepost/queue/list.html", **context)


@router.post(f"{POST}/{{post_id:uuid}}/now")
def publish_now(
    *, request: Request, host: HostDep, actor: Publisher, post_id: UUID, back: Back = "queue"
) -> Response:
    """Send a planned post now; one that is late counts as decided."""

    def work(session: Session, allowed: Allowance) -> None:
        state = state_row(session, post_id)
        if state is not None and state.hold == "late":
            service.resolve(session, post_id, Resolve(decision="resend"), allowed)
            return
        order = PostUpdate(scheduled_at=datetime.now(UTC), status="scheduled")
        service.change(session, host, actor, post_id, order, allowed=allowed)

    return _act(request, host, actor, post_id, work, back=back, said="On its way.", ring=True)


@router.post(f"{POST}/{{post_id:uuid}}/pull-back")
def pull_back(
    *, request: Request, host: HostDep, actor: Writer, post_id: UUID, back: Back = "queue"
) -> Response:
    """Take a post out of the queue; it is a draft again."""

    def work(session: Session, allowed: Allowance) -> None:
        order = PostUpdate(status="draft")
        service.change(session, host, actor, post_id, order, allowed=allowed)

    said = "Pulled back: it is a draft again, with the time it had."
    return _act(request, host, actor, post_id, work, back=back, said=said)


@router.post(f"{POST}/{{post_id:uuid}}/reschedule")
def reschedule(
    *,
    request: Request,
    host: HostDep,
    actor: Publisher,
    post_id: UUID,
    at: Annotated[str, Form(max_length=40)] = "",
    back: Back = "queue",
) -> Response:
    """Give a post another time, in the person's zone."""

    def work(session: Session, allowed: Allowance) -> None:
        order = PostUpdate(wall_time=at, timezone=actor.timezone, status="scheduled")
        service.change(session, host, actor, post_id, order, allowed=allowed)

    return _act(request, host, actor, post_id, work, back=back, said="It has a new time.")


@router.post(f"{POST}/{{post_id:uuid}}/resolve")
def resolve(
    *,
    request: Request,
    host: HostDep,
    actor: Publisher,
    post_id: UUID,
    decision: Annotated[str, Form(max_length=20)] = "",
    url: Annotated[str, Form(max_length=2048)] = "",
    back: Back = "post",
) -> Response:
    """Carry out a decision about a post that was sent without an answer, or is late."""

    def work(session: Session, allowed: Allowance) -> None:
        link = url.strip() or None
        order = Resolve.model_validate({"decision": decision, "url": link})
        service.resolve(session, post_id, order, allowed)

    said = {
        "live": "Noted: it is live.",
        "resend": "On its way once more.",
        "drop": "Set aside. It will not be sent.",
    }.get(decision, "")
    ring = decision == "resend"
    return _act(request, host, actor, post_id, work, back=back, said=said, ring=ring)


def _act(
    request: Request,
    host: Host,
    actor: Actor,
    post_id: UUID,
    work: Callable[[Session, Allowance], None],
    *,
    back: str,
    said: str,
    ring: bool = False,
) -> Response:
    """Do one thing with a post; say what came of it where the person was."""
    assert actor.space_id is not None
    allowed = allowance(host, actor.space_id)
    try:
        with host.database.session(actor) as session:
            work(session, allowed)
    except NotFoundError:
        raise
    except ValidationError:
        with host.database.session(actor, readonly=True) as session:
            views.get_post(session, post_id)  # of another space: there is no such post
        flash(request, "That could not be read. Nothing was changed; try again.", "danger")
    except MuseKitError as error:
        flash(request, error.detail, "danger")
    else:
        flash(request, said)
        if ring:
            knock(host, datetime.now(UTC))
    places = {"queue": PAGE, "overview": "/dashboard/social/overview"}
    return redirect(places.get(back, f"{POST}/{post_id}"))


def _context(host: Host, actor: Actor) -> dict[str, Any]:
    now = datetime.now(UTC)
    with host.database.session(actor, readonly=True) as session:
        posts = queue(session, actor.space_id)
        total = size(session, actor.space_id) if len(posts) == SHOWN else len(posts)
    waiting = [post for post in posts if post.needs_somebody]
    coming = [post for post in posts if not post.needs_somebody]
    return {
        "waiting": waiting,
        "days": by_day(coming, actor.timezone, now),
        "total": total,
        "shown": len(posts),
        "looks": looks_of(host, (post.platform for post in posts)),
        "version": _version(posts, now),
        "now": now,
        "may_write": actor.may("social.posts.write"),
        "may_publish": actor.may("social.posts.publish"),
    }


def _version(posts: list[Queued], now: datetime) -> str:
    """Return what changes when the list would look different; days change at midnight."""
    facts = [(str(p.id), p.state, p.hold, p.at, p.content, p.sentence) for p in posts]
    return hashlib.sha256(repr((now.date(), facts)).encode()).hexdigest()[:16]
