"""What the JSON routes of sign-in take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from musekit.auth.models import User


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SignUp(_Input):
    """A new account."""

    email: str = Field(max_length=320)
    password: str = Field(max_length=1024)
    name: str = Field("", max_length=200)
    timezone: str = Field("", max_length=64, description="IANA name, such as Europe/Berlin")


class SignIn(_Input):
    """An address and a password."""

    email: str = Field(max_length=320)
    password: str = Field(max_length=1024)


class NewToken(_Input):
    """An API token to be made for the space of the session."""

    name: str = Field(max_length=200)
    scopes: list[str] = Field(max_length=200, description='permissions, or ["*"] for all you hold')
    days: int | None = Field(None, ge=1, le=3650, description="validity; absent: until revoked")


class Changes(_Input):
    """What may be changed of one's account."""

    name: str | None = Field(None, max_length=200)
    timezone: str | None = Field(None, max_length=64)


class UserOut(BaseModel):
    """A person, as they see themselves."""

    id: UUID
    email: str
    name: str
    timezone: str = Field(description="IANA name; UTC where none is named")

    @classmethod
    def of(cls, user: User) -> UserOut:
        """What `user` is told of themselves. The zone is the one in force, not the stored one."""
        return cls(id=user.id, email=user.email, name=user.name, timezone=user.zone)


class SpaceOut(BaseModel):
    """A space and one's role in it."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    name: str
    role: str
    is_personal: bool


class SignedIn(BaseModel):
    """The answer to signing up or in. The session itself is the cookie."""

    user: UserOut
    space_id: UUID
    csrf_token: str = Field(description="send it as X-CSRF-Token where no Origin header is sent")


class Me(BaseModel):
    """Who the request is by."""

    user: UserOut
    space: SpaceOut
    permissions: list[str]
    via: Literal["user", "token"]
    is_operator: bool


class TokenOut(BaseModel):
    """An API token without its secret."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    space_id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class TokenMade(TokenOut):
    """A new token with its secret, which is shown this once."""

    token: str


class TokenList(BaseModel):
    """One's API tokens."""

    items: list[TokenOut]
    next_cursor: None = None


class SessionOut(BaseModel):
    """A signed-in browser."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    ip: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    is_current: bool = False


class SessionList(BaseModel):
    """One's signed-in browsers."""

    items: list[SessionOut]
    next_cursor: None = None
