"""What the JSON routes of the audit log give."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from musekit.audit.reading import Seen
from musekit.kernel.listing import Listed

Scalar = str | int | float | bool | None


class EntryOut(BaseModel):
    """That somebody did something."""

    id: UUID
    at: datetime
    action: str = Field(description="`<thing>.<what happened>`, such as `member.invited`")
    user_id: UUID | None = Field(description="who; null: the system, or somebody who is gone")
    name: str = Field(description="their name, where it is known")
    by_operator: bool = Field(description="an operator of the deployment did it, or as them")
    via: str = Field(description="browser, token, command or system")
    space_id: UUID | None
    target_kind: str
    target_id: str
    detail: dict[str, Scalar]

    @classmethod
    def of(cls, seen: Seen) -> Self:
        """Return an entry as data."""
        row = seen.row
        return cls(
            id=row.id, at=row.at, action=row.action, user_id=seen.user_id, name=seen.who,
            by_operator=seen.operator, via=row.via, space_id=seen.space_id,
            target_kind=row.target_kind, target_id=row.target_id, detail=row.detail,
        )  # fmt: skip


class EntryList(BaseModel):
    """A page of the audit log, the newest first."""

    items: list[EntryOut]
    next_cursor: str | None

    @classmethod
    def of(cls, found: Listed[Seen]) -> Self:
        """Return a page as data."""
        return cls(items=[EntryOut.of(each) for each in found.items], next_cursor=found.next)
