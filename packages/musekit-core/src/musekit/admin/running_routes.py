"""``/api/admin/…``: what was done in this deployment, how it is, and how it is set up."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from musekit.admin import configuration, trail
from musekit.admin import running_schemas as s
from musekit.admin.rules import SYSTEM, Asked, Operator
from musekit.kernel import health
from musekit.kernel.listing import words
from musekit.kernel.web.access import HostDep

router = APIRouter(prefix="/api/admin", tags=["Administration"])


class AskedEntries(Asked):
    """Which entries of the audit log are asked for."""

    who: str = ""
    span: trail.Span = "always"


@router.get("/audit")
def list_all_entries(
    host: HostDep, actor: Operator, asked: Annotated[AskedEntries, Query()]
) -> s.AdminEntryList:
    """List who did what, the newest first."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = trail.page(session, host, **asked.wanted)
    items = [s.AdminEntry.of(each) for each in found.items]
    return s.AdminEntryList(items=items, next_cursor=found.next)


@router.get("/audit/{entry_id}")
def get_entry(host: HostDep, actor: Operator, entry_id: UUID) -> s.AdminEntry:
    """Get one entry of the audit log."""
    with host.database.session(SYSTEM, readonly=True) as session:
        return s.AdminEntry.of(trail.one(session, entry_id))


@router.get("/health")
def get_health(host: HostDep, actor: Operator) -> s.FindingList:
    """Say what each part says of itself, the worst first, and what to do about it."""
    found = health.worst_first(host)
    return s.FindingList(items=[s.FindingOut.model_validate(each) for each in found])


@router.get("/settings")
def list_settings(host: HostDep, actor: Operator, search: str = "") -> s.SectionList:
    """List every setting, where it comes from, and of secrets only whether they are set."""
    found = configuration.sections(host, search=words(search))
    return s.SectionList(items=[s.SectionOut.of(each) for each in found])
