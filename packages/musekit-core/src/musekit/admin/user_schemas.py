"""What the operator's JSON routes take and give about people."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from musekit.admin.details import UserDetail
from musekit.admin.plan_schemas import DecisionOut, GrantOut
from musekit.admin.users import WaysIn
from musekit.kernel.web.schemas import Input, Output


class AdminUser(Output):
    """A person, as the operator sees them."""

    id: UUID
    email: str
    name: str
    is_operator: bool
    created_at: datetime
    email_verified_at: datetime | None = Field(description="null: the address is not confirmed")
    last_sign_in_at: datetime | None
    disabled_at: datetime | None = Field(description="since when the account is closed")
    deleting_at: datetime | None = Field(description="since when it is being deleted")


class AdminUserList(BaseModel):
    """People, the newest first."""

    items: list[AdminUser]
    next_cursor: str | None


class WaysInOut(BaseModel):
    """How a person comes in, as counts: what they are called is the person's own affair."""

    sessions: int = Field(description="browsers that are signed in")
    api_tokens: int = Field(description="that are good")
    totp: bool = Field(description="an authenticator app is asked for a code")
    passkeys: int
    identity_providers: list[str]

    @classmethod
    def of(cls, ways: WaysIn) -> Self:
        """Return the ways as data."""
        return cls(
            sessions=ways.sessions, api_tokens=ways.tokens, totp=ways.totp,
            passkeys=ways.passkeys, identity_providers=list(ways.providers),
        )  # fmt: skip


class MembershipOut(Output):
    """A space that a person belongs to."""

    id: UUID
    name: str
    role: str
    organization_id: UUID | None = Field(description="null: the person's own space")


class RoleInOrganization(Output):
    """An organization that a person belongs to."""

    id: UUID
    name: str
    role: str


class AdminUserDetail(BaseModel):
    """One person: how they come in, where they belong, which tiers they have, and why."""

    user: AdminUser
    ways_in: WaysInOut
    spaces: list[MembershipOut]
    organizations: list[RoleInOrganization]
    grants: list[GrantOut]
    decisions: list[DecisionOut]

    @classmethod
    def of(cls, found: UserDetail, decisions: list[DecisionOut]) -> Self:
        """Return a person as data; within the unit of work that read them."""
        return cls(
            user=AdminUser.model_validate(found.user), ways_in=WaysInOut.of(found.ways),
            spaces=[MembershipOut.model_validate(each) for each in found.spaces],
            organizations=[RoleInOrganization.model_validate(e) for e in found.organizations],
            grants=[GrantOut.model_validate(each) for each in found.grants], decisions=decisions,
        )  # fmt: skip


class Closing(Input):
    """Why an account is closed."""

    reason: str = Field(max_length=1000, description="for the audit log")


class SignedOut(BaseModel):
    """What signing somebody out has ended."""

    browsers: int
