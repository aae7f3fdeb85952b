"""What the operator's JSON routes give about the audit log, health and settings."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from musekit.admin.configuration import Section, Setting, Source
from musekit.admin.trail import Entry
from musekit.audit.schemas import Scalar
from musekit.kernel.web.schemas import Output


class AdminEntry(BaseModel):
    """That somebody did something."""

    id: UUID
    at: datetime
    action: str = Field(description="`<thing>.<what happened>`, such as `member.invited`")
    actor_kind: str
    user_id: UUID | None = Field(description="who; null: the system")
    email: str = Field(description="their address; empty where they are gone")
    impersonator_id: UUID | None = Field(description="the operator who acted as that person")
    impersonator_email: str
    via: str = Field(description="browser, token, command or system")
    space_id: UUID | None
    organization_id: UUID | None
    target_kind: str
    target_id: str
    detail: dict[str, Scalar]
    ip: str
    request_id: str

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """Return an entry as data."""
        row = entry.row
        return cls(
            id=row.id, at=row.at, action=row.action, actor_kind=row.actor_kind,
            user_id=row.actor_user_id, email=entry.who, impersonator_id=row.impersonator_id,
            impersonator_email=entry.behind, via=row.via, space_id=row.in_space_id,
            organization_id=row.in_organization_id, target_kind=row.target_kind,
            target_id=row.target_id, detail=row.detail, ip=row.ip, request_id=row.request_id,
        )  # fmt: skip


class AdminEntryList(BaseModel):
    """A page of the audit log, the newest first."""

    items: list[AdminEntry]
    next_cursor: str | None


class FindingOut(Output):
    """The result of one check."""

    name: str
    plugin: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    advice: str = Field(description="what to do about it")


class FindingList(BaseModel):
    """What each part says of itself, the worst first; it is one page."""

    items: list[FindingOut]
    next_cursor: None = None


class SettingOut(BaseModel):
    """One setting of this process."""

    variables: list[str] = Field(description="what it is read from; the first one is ours")
    value: str = Field(description="of what is hidden only whether it is set")
    hidden: bool
    source: Source
    description: str

    @classmethod
    def of(cls, setting: Setting) -> Self:
        """Return a setting as data."""
        return cls(
            variables=list(setting.variables), value=setting.value, hidden=setting.secret,
            source=setting.source, description=setting.description,
        )  # fmt: skip


class SectionOut(BaseModel):
    """The settings of one class of one plugin."""

    plugin: str
    title: str
    settings: list[SettingOut]

    @classmethod
    def of(cls, section: Section) -> Self:
        """Return a section as data."""
        settings = [SettingOut.of(each) for each in section.settings]
        return cls(plugin=section.plugin, title=section.title, settings=settings)


class SectionList(BaseModel):
    """The settings this process runs with, the core's first; it is one page."""

    items: list[SectionOut]
    next_cursor: None = None
