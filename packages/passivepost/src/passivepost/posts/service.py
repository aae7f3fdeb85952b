"""Making, changing and removing posts. The edge opens the unit of work and commits it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select, update
from sqlalchemy.orm import Session

from musekit.api import (
    POST_MOVES,
    Actor,
    ConflictError,
    Host,
    InvalidError,
    NotFoundError,
    SocialAccount,
    SocialPost,
    Space,
    new_id,
)
from passivepost.accounts.registry import platforms_of
from passivepost.models import PostRow
from passivepost.posts import caps, views
from passivepost.posts.checks import check
from passivepost.posts.models import PostDetails
from passivepost.posts.resuming import check_parts, check_rest
from passivepost.posts.schemas import PostCreate, PostOut, PostUpdate, Resolve
from passivepost.posts.text import content_hash
from passivepost.posts.timing import When, when
from passivepost.publishing import service as publishing
from passivepost.publishing.models import PublishState
from passivepost.sdk.platform import Platform
from passivepost.settings import PassivePostSettings
from passivepost.tiers import Allowance

#: States in which a post is counted against the caps and known to the publisher.
PLANNED = frozenset({"scheduled", "approved", "queued"})
PUBLISH = "social.posts.publish"


@dataclass(frozen=True, kw_only=True)
class Place:
    """The space a post is made in: its zone, and its accounts by platform."""

    zone: str
    accounts: dict[str, Any]


def create(
    session: Session,
    host: Host,
    actor: Actor,
    request: PostCreate,
    allowed: Allowance,
    *,
    ids: Mapping[str, UUID] | None = None,
) -> list[PostOut]:
    """Make one post per platform named: all of them, or none.

    Args:
        ids: the id of each platform's post, where a repeat must not make a second one: it fails
            on the key instead.

    Raises:
        InvalidError: a platform is unknown or does not take this; the time is past.
        ConflictError: a platform that is to be posted to is not connected.
        LimitReachedError: a cap of the tier is reached.
        ForbiddenError: scheduling needs the right to publish.
    """
    assert actor.space_id is not None
    assert actor.user_id is not None
    names = request.platforms or [request.platform or ""]
    platforms = [platforms_of(host).usable(name) for name in names]
    parts, options = parts_of(request) or [], request.options or {}
    if not parts:
        raise InvalidError("Nothing to publish: send `content` or `parts`.", errors=[
            {"field": "content", "message": "is missing"}])  # fmt: skip
    check(platforms, parts, options)
    place = _place(session, actor.space_id, names)
    moment = when(request, place.zone, host.settings_of(PassivePostSettings).past_grace_seconds)
    status = request.status or ("scheduled" if moment.at else "draft")
    _check_plan(actor, status, moment)
    counted = None
    if status in PLANNED:
        _check_connected(platforms, place)
        counted = caps.count(
            session, allowed, actor.space_id, place.zone,
            before=None, at=moment.at, amount=len(platforms),
        )  # fmt: skip
    digest = content_hash(parts, options)
    made: list[PostOut] = []
    for platform in platforms:
        now = datetime.now(UTC)
        account = place.accounts.get(platform.name)
        post = SocialPost(
            id=(ids or {}).get(platform.name) or new_id(), space_id=actor.space_id,
            user_id=actor.user_id, account_id=account.id if account else None,
            platform=platform.name, content=parts[0]["text"], media_urls=_urls(parts),
            status=status, scheduled_at=moment.at, ai_generated=bool(request.ai_generated),
            brand_voice=request.brand_voice, created_at=now, updated_at=now,
        )  # fmt: skip
        details = PostDetails(
            post_id=post.id, space_id=actor.space_id, parts=parts, options=options, revision=1,
            content_hash=digest, timezone=moment.zone, wall_time=moment.wall, posted_ids=[],
            counted_on=counted, updated_at=now,
        )  # fmt: skip
        session.add(post)
        session.flush()  # the row the others refer to goes first
        session.add(details)
        state = None
        if status in PLANNED and moment.at is not None:
            state = publishing.schedule(session, post, details, at=moment.at, fresh=True)
        extension = _set_origin(session, post.id, request)
        summary = views.summary_of(post, state=state, **extension)
        made.append(views.full(summary, details, state))
    session.flush()
    return made


def change(
    session: Session,
    host: Host,
    actor: Actor,
    post_id: UUID,
    request: PostUpdate,
    *,
    allowed: Allowance,
) -> PostOut:
    """Change a post that is not on its way; what the request leaves out stays.

    A change of content, options or time raises the revision and takes an approval back. A request
    that changes nothing changes nothing.

    Raises:
        NotFoundError: there is no such post in this space.
        ConflictError: it is being posted or was, or `revision` is not the present one; it is live
            in part, on an account that is not connected any more.
        InvalidError, LimitReachedError, ForbiddenError: as for `create`; and a part that is live
            already would be changed.
    """
    post, details = load(session, post_id)
    _check_editable(post, details, request.revision)
    platform = platforms_of(host).usable(post.platform)
    place = _place(session, post.space_id, [post.platform])
    parts = parts_of(request) or details.parts
    options = request.options if request.options is not None else details.options
    grace = host.settings_of(PassivePostSettings).past_grace_seconds
    moment = when(request, place.zone, grace, old=When.of(post, details))
    digest = content_hash(parts, options)
    content_changed = digest != details.content_hash
    time_changed = moment.at != post.scheduled_at or moment.zone != details.timezone
    # Under the lock of the post nothing is sent, so nothing more becomes live.
    live = publishing.live_ids(session.get(PublishState, post_id))
    if content_changed:
        check_parts(details.parts, parts, len(live))
        check([platform], parts, options)
    status = _next_status(post.status, request, moment, changed=content_changed or time_changed)
    _check_plan(actor, status, moment, scheduling=status != post.status)
    _set_facts(session, post, request)
    if not (content_changed or time_changed or status != post.status):
        session.flush()
        return views.get_post(session, post_id)
    was_planned = post.status in PLANNED
    if was_planned:
        publishing.pull_back(session, post)  # raises when it is on its way already
    if status in PLANNED:
        _check_connected([platform], place)
        check_rest(post, parts, place.accounts[post.platform].id, live)
        post.account_id = place.accounts[post.platform].id
        details.disconnected_from = None
    details.counted_on = caps.count(
        session, allowed, post.space_id, place.zone,
        before=details.counted_on, at=moment.at if status in PLANNED else None,
    )  # fmt: skip
    now = datetime.now(UTC)
    if content_changed or time_changed:
        details.revision += 1
    details.parts, details.options, details.content_hash = parts, options, digest
    details.timezone, details.wall_time, details.updated_at = moment.zone, moment.wall, now
    post.content, post.media_urls = parts[0]["text"], _urls(parts)
    post.scheduled_at, post.updated_at, post.error_message = moment.at, now, None
    move(session, post, status)
    if status in PLANNED and moment.at is not None:
        publishing.schedule(session, post, details, at=moment.at, resumed=platform.resumed)
    session.flush()
    session.expire_all()
    return views.get_post(session, post_id)


def remove(session: Session, host: Host, post_id: UUID, allowed: Allowance) -> None:
    """Delete a post and what is known of it. What a network shows is not touched.

    Raises:
        NotFoundError: there is no such post in this space.
        ConflictError: it is being posted at this moment, or it is not known whether it was.
    """
    post, details = load(session, post_id)
    if post.status == "posting":
        raise ConflictError(
            "This post is being sent, or was sent without an answer. Nothing was deleted. Decide"
            " first what became of it, then delete it."
        )
    if post.status in PLANNED:
        publishing.pull_back(session, post)
    if post.status != "posted" and details.counted_on is not None:
        zone = _place(session, post.space_id, []).zone
        caps.count(session, allowed, post.space_id, zone, before=details.counted_on, at=None)
    session.delete(post)
    session.flush()


def resolve(session: Session, post_id: UUID, request: Resolve, allowed: Allowance) -> PostOut:
    """Carry out a person's decision about a post that was sent without an answer.

    Raises:
        NotFoundError: there is no such post in this space.
        ConflictError: there is nothing to decide about it.
    """
    post, details = load(session, post_id)
    if request.decision != "live" and (request.ids or request.url):
        raise InvalidError("`ids` and `url` belong to the decision “live” only.")
    if session.get(PublishState, post_id) is None:
        raise ConflictError("There is nothing to decide about this post. Nothing was changed.")
    publishing.resolve(session, post_id, request.decision, ids=request.ids, url=request.url)
    if post.status == "draft" and details.counted_on is not None:
        zone = _place(session, post.space_id, []).zone
        details.counted_on = caps.count(
            session, allowed, post.space_id, zone, before=details.counted_on, at=None
        )
    session.flush()
    session.expire_all()
    return views.get_post(session, post_id)


def load(session: Session, post_id: UUID) -> tuple[SocialPost, PostDetails]:
    """Return a post with its details, locked: the publisher waits until this unit of work ends.

    Raises:
        NotFoundError: there is no such post in this space.
    """
    post = session.scalars(
        select(SocialPost).where(SocialPost.id == post_id).with_for_update()
    ).first()
    if post is None:
        raise NotFoundError("There is no such post here.")
    details = session.get(PostDetails, post_id)
    if details is None:  # a row that something other than this service has made
        parts = [{"text": post.content, "media": [{"url": u, "alt": ""} for u in post.media_urls]}]
        details = PostDetails(
            post_id=post.id, space_id=post.space_id, parts=parts, options={}, revision=1,
            content_hash=content_hash(parts, {}), timezone="UTC", posted_ids=[],
            updated_at=datetime.now(UTC),
        )  # fmt: skip
        session.add(details)
        session.flush()
    return post, details


def move(session: Session, post: SocialPost, status: str) -> None:
    """Bring a post to a state, over one state between if the moves allowed ask for it."""
    if post.status == status:
        return
    if status not in POST_MOVES[post.status]:
        between = next((s for s in POST_MOVES[post.status] if status in POST_MOVES[s]), None)
        if between is None:
            raise ConflictError(f"A post that is {post.status} cannot become {status}.")
        post.status = between
        session.flush()
    post.status = status


def parts_of(request: PostCreate | PostUpdate) -> list[dict[str, Any]] | None:
    """Return the parts a request gives in either form; None when it gives none."""
    if request.parts is not None:
        return [part.model_dump() for part in request.parts]
    if not request.has_content():
        return None
    media = [each.model_dump() for each in request.media or ()]
    media += [{"url": url, "alt": ""} for url in request.media_urls or ()]
    return [{"text": request.content or "", "media": media}]


def _urls(parts: Iterable[dict[str, Any]]) -> list[str]:
    return [each["url"] for part in parts for each in part["media"]]


def _place(session: Session, space_id: UUID, platforms: list[str]) -> Place:
    rows = session.execute(
        select(Space.timezone, SocialAccount.id, SocialAccount.platform)
        .outerjoin(
            SocialAccount,
            and_(SocialAccount.space_id == Space.id, SocialAccount.platform.in_(platforms)),
        )
        .where(Space.id == space_id)
    ).all()
    if not rows:
        raise NotFoundError("There is no such space here.")
    return Place(zone=rows[0].timezone, accounts={row.platform: row for row in rows if row.id})


def _check_plan(actor: Actor, status: str, moment: When, *, scheduling: bool = True) -> None:
    if status == "scheduled" and moment.at is None:
        raise InvalidError(
            "A scheduled post needs a time: send `scheduled_at`, or `wall_time` with `timezone`.",
            errors=[{"field": "scheduled_at", "message": "is missing"}],
        )
    if status in PLANNED and scheduling:
        actor.demand(PUBLISH)


def _check_connected(platforms: list[Platform], place: Place) -> None:
    missing = [each for each in platforms if each.name not in place.accounts]
    if missing:
        labels = ", ".join(each.label for each in missing)
        raise ConflictError(
            f"{labels} is not connected in this space. Nothing was scheduled. Connect it under"
            " Accounts, or save a draft.",
            extra={"platforms": [each.name for each in missing], "reason": "not_connected"},
        )


def _check_editable(post: SocialPost, details: PostDetails, revision: int | None) -> None:
    if post.status == "posting":
        raise ConflictError(
            "This post is being sent, or was sent without an answer. Nothing was changed."
        )
    if post.status == "posted":
        raise ConflictError("This post is published; it cannot be changed here any more.")
    if revision is not None and revision != details.revision:
        raise ConflictError(
            f"Somebody else has changed this post (revision {details.revision}, yours"
            f" {revision}). Nothing was overwritten. Load it again, then repeat your change.",
            extra={"revision": details.revision},
        )


def _next_status(current: str, request: PostUpdate, moment: When, *, changed: bool) -> str:
    if request.status is not None:
        return request.status
    if current == "approved" and changed:
        return "draft"  # what was approved is not what would go out
    if current == "failed" and changed:
        fresh = moment.at is not None and moment.at > datetime.now(UTC) - timedelta(minutes=5)
        return "scheduled" if fresh and moment.stated else "draft"
    if current == "queued" and changed:
        return "scheduled"
    if current == "ignored" and changed:
        return "draft"
    return current


def _set_facts(session: Session, post: SocialPost, request: PostUpdate) -> None:
    if request.ai_generated is not None:
        post.ai_generated = request.ai_generated
    if "brand_voice" in request.model_fields_set:
        post.brand_voice = request.brand_voice
    _set_origin(session, post.id, request)


def _set_origin(
    session: Session, post_id: UUID, request: PostCreate | PostUpdate
) -> dict[str, str | None]:
    """Write PassivePost's own two columns, if the request names them."""
    values: dict[str, str | None] = {
        name: getattr(request, name)
        for name in ("trend_source", "niche_triggered")
        if name in request.model_fields_set
    }
    if values:
        session.execute(
            update(PostRow)
            .where(PostRow.id == post_id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )
    return values
