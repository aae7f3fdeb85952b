"""The shapes of the accounts API. No field of a response ever holds a token."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from typing_extensions import TypedDict

from passivepost.posts.schemas import Name, Text

Value = Annotated[Text, StringConstraints(max_length=2000)]


class ConnectIn(BaseModel):
    """Which platform to connect; `values` are the fields of its connection form, if it has one."""

    model_config = ConfigDict(extra="forbid")

    platform: Name
    values: dict[Annotated[str, StringConstraints(max_length=60)], Value] | None = Field(
        None, max_length=20
    )


class ValidateIn(BaseModel):
    """Which account to check; none: all of the space."""

    model_config = ConfigDict(extra="forbid")

    account_id: UUID | None = None


class AccountOut(TypedDict):
    """A connected account."""

    id: UUID
    user_id: UUID
    platform: str
    platform_user_id: str
    platform_username: str
    display_name: str
    scopes: list[str]
    is_valid: bool
    last_validated_at: datetime | None
    last_error: str | None
    token_expires_at: datetime | None
    connected_at: datetime
    updated_at: datetime


class AccountList(TypedDict):
    """All accounts of a space; there is no second page."""

    items: list[AccountOut]
    next_cursor: None


class Redirect(TypedDict):
    """Where the browser goes on with an OAuth connection."""

    platform: str
    authorize_url: str


class Disconnected(TypedDict):
    """What disconnecting did."""

    id: UUID
    platform: str
    tokens_destroyed: bool
    revoked_at_platform: bool | None  #: None: the platform offers no way
    posts_held: int
    detail: str


class Check(TypedDict):
    """What checking an account found."""

    account_id: UUID
    platform: str
    is_valid: bool
    detail: str


class CheckList(TypedDict):
    """What checking the accounts found."""

    items: list[Check]
    next_cursor: None
