"""``/api/social/posts``."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Query, Response
from pydantic import AwareDatetime, TypeAdapter
from starlette.background import BackgroundTask

from musekit.api import Actor, HostDep, InvalidError, ReadSession, WriteSession, requires
from passivepost.posts import service, views
from passivepost.posts.schemas import (
    Name,
    PostCreate,
    PostList,
    PostOut,
    PostPage,
    PostUpdate,
    Resolve,
)
from passivepost.publishing.bell import knock
from passivepost.tiers import allowance

router = APIRouter(tags=["posts"])

Reader = Annotated[Actor, requires("social.posts.read")]
Writer = Annotated[Actor, requires("social.posts.write")]
Publisher = Annotated[Actor, requires("social.posts.publish")]
Status = Literal[
    "draft", "scheduled", "queued", "approved", "posting", "posted", "failed", "ignored"
]

#: Written in one pass by pydantic's serialiser; FastAPI would validate each row once more.
_PAGE = TypeAdapter(PostPage)
_MADE: TypeAdapter[PostOut | PostList] = TypeAdapter(PostOut | PostList)


@router.get("/posts", response_model=PostPage)
def list_posts(
    *,
    actor: Reader,
    session: ReadSession,
    platform: Name | None = None,
    status: Annotated[list[Status] | None, Query(max_length=8)] = None,
    since: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    until: Annotated[AwareDatetime | None, Query(alias="to")] = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """List posts, newest first, with optional filters: platform, status, range of `scheduled_at`.

    `from` is included, `to` is not.
    """
    page = views.list_posts(
        session,
        actor.space_id,
        cursor=cursor,
        limit=limit,
        platform=platform,
        status=status or (),
        since=_sane(since, "from"),
        until=_sane(until, "to"),
    )
    return Response(_PAGE.dump_json(page), media_type="application/json")


@router.post("/posts", status_code=201, response_model=PostOut | PostList)
def create_post(
    actor: Writer, host: HostDep, session: WriteSession, request: PostCreate
) -> Response:
    """Create a post. `platform` gives one object; `platforms` gives one post each, as a list."""
    assert actor.space_id is not None
    made = service.create(session, host, actor, request, allowance(host, actor.space_id))
    answer: PostOut | PostList = {"items": made} if request.platforms is not None else made[0]
    # After the answer, and so after the commit.
    knocking = BackgroundTask(knock, host, made[0]["scheduled_at"])
    return Response(
        _MADE.dump_json(answer), 201, media_type="application/json", background=knocking
    )


@router.get("/posts/{post_id}")
def get_post(actor: Reader, session: ReadSession, post_id: UUID) -> PostOut:
    """Get a single post, with what the publisher knows of it and every attempt."""
    return views.get_post(session, post_id)


@router.put("/posts/{post_id}")
def update_post(
    *,
    actor: Writer,
    host: HostDep,
    session: WriteSession,
    post_id: UUID,
    request: PostUpdate,
    later: BackgroundTasks,
) -> PostOut:
    """Update a post. What is left out stays; send `revision` to be told of others' changes."""
    assert actor.space_id is not None
    allowed = allowance(host, actor.space_id)
    post = service.change(session, host, actor, post_id, request, allowed=allowed)
    later.add_task(knock, host, post["scheduled_at"])
    return post


@router.delete("/posts/{post_id}", status_code=204)
def delete_post(actor: Writer, host: HostDep, session: WriteSession, post_id: UUID) -> None:
    """Delete a post here. What a network shows already stays there."""
    assert actor.space_id is not None
    service.remove(session, host, post_id, allowance(host, actor.space_id))


@router.post("/posts/{post_id}/resolve")
def resolve_post(
    *, actor: Publisher, host: HostDep, session: WriteSession, post_id: UUID, request: Resolve
) -> PostOut:
    """Decide about a post that was sent without an answer: live, send again, or drop."""
    assert actor.space_id is not None
    return service.resolve(session, post_id, request, allowance(host, actor.space_id))


def _sane(moment: datetime | None, name: str) -> datetime | None:
    """Refuse dates at the ends of the calendar, which no database can bring to UTC."""
    if moment is not None and not 1970 <= moment.year <= 2200:
        raise InvalidError(
            f"`{name}` is no date of a post.", errors=[{"field": name, "message": "out of range"}]
        )
    return moment
