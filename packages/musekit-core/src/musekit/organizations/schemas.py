"""What the JSON routes of organizations take and give."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from musekit.kernel.web.schemas import Input, Output


class NewOrganization(Input):
    """An organization to be made."""

    name: str = Field(max_length=200)


class NewSpace(Input):
    """A space to be made."""

    name: str = Field(max_length=200)


class SpaceChanges(Input):
    """What may be changed of a space; what is absent stays."""

    name: str | None = Field(None, max_length=200)
    timezone: str | None = Field(None, max_length=64, description="IANA name")


class SpaceRole(Input):
    """What a member of the organization is to be in a space."""

    role: str = Field(description="editor or viewer, no more than in the organization")


class Renaming(Input):
    """What may be changed of an organization."""

    name: str = Field(max_length=200)


class Heir(Input):
    """To whom the organization goes: one of its admins."""

    user_id: UUID


class Ending(Input):
    """The organization's name, typed, so that it is no slip."""

    name: str = Field(max_length=200)


class SecondFactorIn(Input):
    """Whether members need a second factor."""

    asked: bool


class SecondFactorOut(Output):
    """Whether members need a second factor, and who would be out."""

    asked: bool
    without: int = Field(description="members who have none set up")


class NewInvitation(Input):
    """Whom to invite."""

    email: str = Field(max_length=320)
    role: str = Field("editor", description="admin, editor or viewer")
    space_ids: list[UUID] = Field(
        default_factory=list, max_length=100,
        description="spaces that an editor or viewer will be in; none: the one you are in",
    )  # fmt: skip


class NewRole(Input):
    """What a member is to be."""

    role: str = Field(description="owner, admin, editor or viewer")


class Acceptance(Input):
    """The last part of an invitation's link."""

    token: str = Field(max_length=200)


class OrganizationOut(Output):
    """An organization, and one's role in it."""

    id: UUID
    name: str
    role: str


class OrganizationList(BaseModel):
    """The organizations one belongs to."""

    items: list[OrganizationOut]
    next_cursor: None = None


class OrganizationSpace(Output):
    """A space of an organization."""

    id: UUID
    name: str
    timezone: str
    organization_id: UUID


class OrganizationSpaceList(BaseModel):
    """The spaces of an organization, by name."""

    items: list[OrganizationSpace]
    next_cursor: None = None


class PersonInSpace(Output):
    """Somebody who is in a space."""

    user_id: UUID
    name: str
    email: str
    role: str
    everywhere: bool = Field(description="in every space, by their role in the organization")


class PeopleInSpace(BaseModel):
    """Who is in a space, the most powerful first."""

    items: list[PersonInSpace]
    next_cursor: None = None


class MadeOrganization(BaseModel):
    """A new organization with its first space."""

    organization: OrganizationOut
    space: OrganizationSpace


class MemberOut(Output):
    """Somebody of the organization."""

    user_id: UUID
    name: str
    email: str
    role: str
    since: datetime


class MemberList(BaseModel):
    """Who belongs to the organization, the most powerful first."""

    items: list[MemberOut]
    next_cursor: None = None


class InvitationOut(Output):
    """An invitation that waits for an answer. Its link is in the mail alone."""

    id: UUID
    email: str
    role: str
    space_ids: list[UUID]
    sends: int
    created_at: datetime
    expires_at: datetime


class InvitationList(BaseModel):
    """Open invitations, the latest first."""

    items: list[InvitationOut]
    next_cursor: None = None


class JoinedOut(BaseModel):
    """Where one belongs now."""

    organization: OrganizationOut
    space_id: UUID | None = Field(description="a space of it that one is in")
