"""The shapes of the posts API. Field names are the reference's."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from typing_extensions import TypedDict

from passivepost.posts.text import clean

#: Longer than any network takes; it bounds the work of one request.
MAX_TEXT = 100_000

Text = Annotated[str, StringConstraints(max_length=MAX_TEXT), AfterValidator(clean)]
Short = Annotated[str, StringConstraints(max_length=200), AfterValidator(clean)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Url = Annotated[
    str, StringConstraints(max_length=2048, pattern=r"^https?://[^\s]+$"), AfterValidator(clean)
]
WallTime = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$")]


class Strict(BaseModel):
    """Refuses fields it does not know: a misspelt field must not be dropped silently."""

    model_config = ConfigDict(extra="forbid")


class MediaIn(Strict):
    """A picture or video, by address."""

    url: Url
    alt: Annotated[str, StringConstraints(max_length=5000), AfterValidator(clean)] = ""


class PartIn(Strict):
    """One message of a thread."""

    text: Text = ""
    media: list[MediaIn] = Field(default_factory=list, max_length=20)


class _PostFields(Strict):
    """What create and update share. A post has `content` (with `media`), or `parts`."""

    content: Text | None = None
    media: list[MediaIn] | None = Field(None, max_length=20)
    media_urls: list[Url] | None = Field(None, max_length=20)
    parts: list[PartIn] | None = Field(None, min_length=1, max_length=100)
    options: dict[str, Any] | None = Field(None, max_length=50)
    status: Literal["draft", "scheduled", "approved"] | None = None
    scheduled_at: AwareDatetime | None = None
    wall_time: WallTime | None = None
    timezone: Annotated[str, StringConstraints(max_length=60)] | None = None
    ai_generated: bool | None = None
    brand_voice: Short | None = None
    trend_source: Short | None = None
    niche_triggered: Short | None = None

    @model_validator(mode="after")
    def _one_way(self) -> _PostFields:
        if self.parts is not None and (self.content is not None or self.media or self.media_urls):
            raise ValueError("send either `parts`, or `content` with `media`")
        if self.media is not None and self.media_urls is not None:
            raise ValueError("send either `media` or `media_urls`")
        if self.wall_time is not None and self.scheduled_at is not None:
            raise ValueError("send either `scheduled_at`, or `wall_time` with `timezone`")
        return self

    def has_content(self) -> bool:
        """True if the request says anything about what is published."""
        return bool({"content", "media", "media_urls", "parts"} & self.model_fields_set)


class PostCreate(_PostFields):
    """A new post for one platform, or the same for several."""

    platform: Name | None = None
    platforms: list[Name] | None = Field(None, min_length=1, max_length=30)

    @model_validator(mode="after")
    def _a_platform(self) -> PostCreate:
        if (self.platform is None) == (self.platforms is None):
            raise ValueError("send either `platform` or `platforms`")
        if self.platforms and len(set(self.platforms)) != len(self.platforms):
            raise ValueError("`platforms` names one of them twice")
        return self


class PostUpdate(_PostFields):
    """What is to change; what is left out stays. `revision` guards against a lost update."""

    revision: int | None = Field(None, ge=1)


class Resolve(Strict):
    """A person's decision about a post whose sending was never confirmed."""

    decision: Literal["live", "resend", "drop"]
    #: With ``live``: ids of its parts on the network, or its address there.
    ids: list[Short] | None = Field(None, max_length=100)
    url: Url | None = None


class PostSummary(TypedDict):
    """A post in a list."""

    id: UUID
    user_id: UUID
    account_id: UUID | None
    platform: str
    content: str
    media_urls: list[str]
    status: str
    scheduled_at: datetime | None
    posted_at: datetime | None
    platform_post_id: str | None
    engagement_data: dict[str, Any] | None
    error_message: str | None
    ai_generated: bool
    brand_voice: str | None
    trend_source: str | None
    niche_triggered: str | None
    hold: str | None
    review: str | None
    created_at: datetime
    updated_at: datetime


class PostPage(TypedDict):
    """A page of a list; `next_cursor` is None on the last."""

    items: list[PostSummary]
    next_cursor: str | None


class AttemptOut(TypedDict):
    """One try to send a post."""

    n: int
    armed_at: datetime | None
    responded_at: datetime | None
    outcome: str | None
    error_class: str | None
    detail: str | None
    http_status: int | None
    platform_post_id: str | None


class PublishOut(TypedDict):
    """What the publisher knows of a scheduled post."""

    stage: str
    due_at: datetime
    next_attempt_at: datetime
    hold: str | None
    hold_detail: str | None
    review: str | None
    failure_kind: str | None
    tries: int


class PostOut(PostSummary):
    """A post in full."""

    parts: list[dict[str, Any]]
    options: dict[str, Any]
    revision: int
    timezone: str
    wall_time: str | None
    post_url: str | None
    posted_ids: list[str]  #: of the parts on the network, in order; all of them once it is posted
    publish: PublishOut | None
    attempts: list[AttemptOut]
    warnings: list[str]


class PostList(TypedDict):
    """What a create for several platforms made."""

    items: list[PostOut]
