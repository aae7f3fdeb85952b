"""The yardstick of the API benchmark: FastAPI and SQLAlchemy, and nothing else.

What anybody would write who needs these two endpoints and nothing more: the tables mapped, one
engine, a session per request, the token looked up by its SHA-256, the actor set on the transaction
for row level security, the same query and the same inserts, the answer written by pydantic in one
pass. No access rules, no CSRF, no idempotency, no request ids, no headers of its own, no log.

    BARE_URL=postgresql+psycopg://… uvicorn benchmarks.bare:app
"""

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID, uuid4

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter
from sqlalchemy import create_engine, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from musekit.api import SocialAccount, SocialPost, Space, new_id
from musekit.auth.models import ApiToken, User
from musekit.products.models import UsageCounter
from musekit.spaces.models import SpaceMember
from passivepost.models import PostRow
from passivepost.posts.models import PostDetails
from passivepost.posts.schemas import PostOut, PostPage
from passivepost.publishing.models import PublishState

app = FastAPI()
engine = create_engine(os.environ.get("BARE_URL", "postgresql+psycopg://"), pool_size=10)

COLUMNS = (
    PostRow.id, PostRow.user_id, PostRow.account_id, PostRow.platform, PostRow.content,
    PostRow.media_urls, PostRow.status, PostRow.scheduled_at, PostRow.posted_at,
    PostRow.platform_post_id, PostRow.engagement_data, PostRow.error_message, PostRow.ai_generated,
    PostRow.brand_voice, PostRow.trend_source, PostRow.niche_triggered, PostRow.created_at,
    PostRow.updated_at, PublishState.hold, PublishState.review,
)  # fmt: skip
KEYS = [column.key for column in COLUMNS]
PAGE, MADE = TypeAdapter(PostPage), TypeAdapter(PostOut)
PUBLISH = ("stage", "due_at", "next_attempt_at", "hold", "hold_detail", "review", "failure_kind",
           "tries")  # fmt: skip
CAPS = {10: 200, 7: 5000}


class Me(NamedTuple):
    """Who the token belongs to."""

    user: UUID
    space: UUID


def session() -> Iterator[Session]:
    with Session(engine, expire_on_commit=False) as opened:
        yield opened


Db = Annotated[Session, Depends(session, scope="function")]


def me(request: Request, db: Db) -> Me:
    _, _, secret = request.headers.get("authorization", "").partition(" ")
    found = db.execute(
        select(ApiToken.user_id, ApiToken.space_id, ApiToken.scopes, ApiToken.expires_at,
               User.timezone, SpaceMember.role)
        .join(User, User.id == ApiToken.user_id)
        .join(SpaceMember, (SpaceMember.user_id == ApiToken.user_id)
              & (SpaceMember.space_id == ApiToken.space_id))
        .where(ApiToken.secret_hash == hashlib.sha256(secret.encode()).digest(),
               ApiToken.revoked_at.is_(None))
    ).one_or_none()  # fmt: skip
    if found is None or (found.expires_at and found.expires_at < datetime.now(UTC)):
        raise HTTPException(401)
    db.execute(
        select(
            func.set_config("musekit.user_id", str(found.user_id), True),
            func.set_config("musekit.space_id", str(found.space_id), True),
        )
    )
    return Me(found.user_id, found.space_id)


Caller = Annotated[Me, Depends(me)]


@app.get("/api/social/posts")
def list_posts(db: Db, caller: Caller, limit: Annotated[int, Field(ge=1, le=200)] = 50) -> Response:
    rows = db.execute(
        select(*COLUMNS)
        .outerjoin(PublishState, PublishState.post_id == PostRow.id)
        .where(PostRow.space_id == caller.space)
        .order_by(PostRow.created_at.desc(), PostRow.id.desc())
        .limit(limit + 1)
    ).all()
    items: Any = [dict(zip(KEYS, row, strict=True)) for row in rows[:limit]]
    page: PostPage = {"items": items, "next_cursor": None}
    return Response(PAGE.dump_json(page), media_type="application/json")


class NewPost(BaseModel):
    """The body of a create."""

    platform: str
    content: str
    scheduled_at: AwareDatetime


@app.post("/api/social/posts", status_code=201)
def create_post(db: Db, caller: Caller, request: NewPost) -> Response:
    place = db.execute(
        select(Space.timezone, SocialAccount.id)
        .join(SocialAccount, SocialAccount.space_id == Space.id)
        .where(Space.id == caller.space, SocialAccount.platform == request.platform)
    ).one()
    day = request.scheduled_at.date().isoformat()
    for period in (day[:7], day):
        _count(db, caller.space, period)
    parts = [{"text": request.content, "media": []}]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    now, at = datetime.now(UTC), request.scheduled_at
    post = SocialPost(
        id=new_id(), space_id=caller.space, user_id=caller.user, account_id=place.id,
        platform=request.platform, content=request.content, media_urls=[], status="scheduled",
        scheduled_at=at, ai_generated=False, created_at=now, updated_at=now,
    )  # fmt: skip
    db.add(post)
    db.flush()
    details = PostDetails(
        post_id=post.id, space_id=caller.space, parts=parts, options={}, revision=1,
        content_hash=digest, timezone=place.timezone, posted_ids=[], counted_on=day,
        updated_at=now,
    )  # fmt: skip
    state = PublishState(
        post_id=post.id, space_id=caller.space, account_id=place.id, platform=request.platform,
        stage="waiting", due_at=at, next_attempt_at=at, revision=1, content_hash=digest,
        publish_key=uuid4(), updated_at=now, tries=0, crashes=0, progress={}, reconciles=0,
        preparing=False, lease_token=1,
    )  # fmt: skip
    db.add_all([details, state])
    db.commit()
    answer: Any = {
        **{key: getattr(post, key, None) for key in KEYS},
        "parts": parts, "options": {}, "revision": 1, "timezone": place.timezone,
        "wall_time": None, "post_url": None, "posted_ids": [], "attempts": [], "warnings": [],
        "publish": {name: getattr(state, name) for name in PUBLISH},
    }  # fmt: skip
    return Response(MADE.dump_json(answer), status_code=201, media_type="application/json")


def _count(db: Session, space: UUID, period: str) -> None:
    mine = (UsageCounter.space_id == space, UsageCounter.product == "passive-post",
            UsageCounter.metric == "posts", UsageCounter.period == period)  # fmt: skip
    add = (
        update(UsageCounter)
        .where(*mine, UsageCounter.used < CAPS[len(period)])
        .values(used=UsageCounter.used + 1)
        .returning(UsageCounter.used)
        .execution_options(synchronize_session=False)
    )
    if db.execute(add).first() is None:
        row = {"space_id": space, "product": "passive-post", "metric": "posts", "period": period,
               "used": 0, "reserved": 0}  # fmt: skip
        db.execute(insert(UsageCounter).values(row).on_conflict_do_nothing())
        if db.execute(add).first() is None:
            raise HTTPException(429)
