"""JSON routes of the audit log."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from musekit.audit import reading
from musekit.audit.schemas import EntryList
from musekit.auth.resolve import SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.web.access import HostDep, requires, signed_in

router = APIRouter(prefix="/api/audit", tags=["Audit log"])


class WantedEntries(BaseModel):
    """Which entries are asked for."""

    search: str = ""
    who: UUID | None = None
    span: reading.Span = "always"
    cursor: str = ""


@router.get("")
def list_entries(
    host: HostDep,
    actor: Annotated[Actor, requires("audit.read")],
    wanted: Annotated[WantedEntries, Query()],
) -> EntryList:
    """List who did what in one's organization, or in one's space, the newest first."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = reading.page(
            session, host, reading.reach(session, actor), search=wanted.search, who=wanted.who,
            span=wanted.span, after=wanted.cursor,
        )  # fmt: skip
    return EntryList.of(found)


@router.get("/own")
def list_own_entries(
    host: HostDep, actor: Annotated[Actor, signed_in(browser=True)], cursor: str = ""
) -> EntryList:
    """List what happened with one's own account, the newest first."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        return EntryList.of(reading.own(session, host, actor.user_id, after=cursor))
