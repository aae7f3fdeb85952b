"""What the operator's JSON routes give about organizations."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from musekit.admin.details import OrganizationDetail
from musekit.admin.organizations import Size
from musekit.admin.plan_schemas import DecisionOut, GrantOut
from musekit.kernel.web.schemas import Output
from musekit.organizations.models import Organization
from musekit.organizations.schemas import InvitationOut, MemberOut, OrganizationSpace


class AdminOrganization(Output):
    """An organization, as the operator sees it."""

    id: UUID
    name: str
    slug: str
    created_at: datetime
    deleting_at: datetime | None = Field(description="since when it is being deleted")


class SizedOrganization(AdminOrganization):
    """An organization in the list."""

    members: int
    spaces: int

    @classmethod
    def of(cls, row: Organization, size: Size) -> Self:
        """Return an organization as data."""
        plain = AdminOrganization.model_validate(row).model_dump()
        return cls(**plain, members=size.members, spaces=size.spaces)


class AdminOrganizationList(BaseModel):
    """Organizations, the newest first."""

    items: list[SizedOrganization]
    next_cursor: str | None


class AdminOrganizationDetail(BaseModel):
    """One organization: its people, its spaces, which tiers it has, and why."""

    organization: AdminOrganization
    members: list[MemberOut]
    invitations: list[InvitationOut]
    spaces: list[OrganizationSpace]
    grants: list[GrantOut]
    decisions: list[DecisionOut] = Field(
        description="of its first space: all of them have the same tier"
    )

    @classmethod
    def of(cls, found: OrganizationDetail, decisions: list[DecisionOut]) -> Self:
        """Return an organization as data."""
        return cls(
            organization=AdminOrganization.model_validate(found.organization),
            members=[MemberOut.model_validate(each) for each in found.members],
            invitations=[InvitationOut.model_validate(each) for each in found.invitations],
            spaces=[OrganizationSpace.model_validate(each) for each in found.spaces],
            grants=[GrantOut.model_validate(each) for each in found.grants], decisions=decisions,
        )  # fmt: skip
