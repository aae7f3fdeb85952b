"""What the JSON routes of sign-in take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field, field_validator

from musekit.auth.models import User
from musekit.kernel.web.schemas import Input, Output


class SignUp(Input):
    """A new account."""

    email: str = Field(max_length=320)
    password: str = Field(max_length=1024)
    name: str = Field("", max_length=200)
    timezone: str = Field("", max_length=64, description="IANA name, such as Europe/Berlin")


class SignIn(Input):
    """An address and a password."""

    email: str = Field(max_length=320)
    password: str = Field(max_length=1024)


class Proof(Input):
    """What shows again that it is the person themselves."""

    password: str = Field(max_length=1024)
    code: str = Field("", max_length=64, description="of the second factor, if there is one")


class NewToken(Input):
    """An API token to be made for the space of the session."""

    name: str = Field(max_length=200)
    scopes: list[str] = Field(max_length=200, description='permissions, or ["*"] for all you hold')
    days: int | None = Field(None, ge=1, le=3650, description="validity; absent: until revoked")


class Changes(Input):
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


class SpaceOut(Output):
    """A space and one's role in it."""

    id: UUID
    name: str
    role: str
    is_personal: bool
    organization_id: UUID | None = None
    organization: str | None = Field(None, description="name of the organization it belongs to")


class SignedIn(BaseModel):
    """The answer to signing up or in. The session itself is the cookie."""

    user: UserOut
    space_id: UUID
    csrf_token: str = Field(description="send it as X-CSRF-Token where no Origin header is sent")


class ToConfirm(BaseModel):
    """The answer to signing up where addresses are confirmed first, whoever has them."""

    confirm: str = Field(description="the mailbox that a mail is sent to")


class SecondFactor(BaseModel):
    """The answer to signing in where a code is asked for, too."""

    second_factor: list[str] = Field(
        description="send one of these to /api/auth/sign-in/second-factor from this browser"
    )


class Me(BaseModel):
    """Who the request is by."""

    user: UserOut
    space: SpaceOut
    permissions: list[str]
    via: Literal["user", "token"]
    is_operator: bool


class TokenOut(Output):
    """An API token without its secret."""

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


class SessionOut(Output):
    """A signed-in browser."""

    id: UUID
    ip: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    authenticated_at: datetime | None = Field(
        description="when the person last proved who they are; null: when it began"
    )
    methods: list[str] = Field(description="how they did: password, totp, passkey, a provider")
    by_operator: bool = Field(description="an operator of the deployment acts as you")
    is_current: bool = False

    @field_validator("methods", mode="before")
    @classmethod
    def _none_known(cls, value: object) -> object:
        return value or []


class SessionList(BaseModel):
    """One's signed-in browsers."""

    items: list[SessionOut]
    next_cursor: None = None
