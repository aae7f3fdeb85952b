"""Pages of how this deployment is set up and what was done in it: settings and the audit log."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from musekit.admin import configuration, trail
from musekit.admin.rules import SYSTEM, Operator, Wanted
from musekit.kernel.listing import words
from musekit.kernel.web.access import HostDep
from musekit.kernel.web.pages import render

router = APIRouter(prefix="/admin")


class WantedSettings(BaseModel):
    """What of the settings is asked for: they are one page."""

    search: str = ""


class WantedEntries(Wanted):
    """What of the audit log is asked for."""

    who: str = ""
    span: trail.Span = "always"


@router.get("/settings")
def settings_page(
    request: Request, host: HostDep, actor: Operator, wanted: Annotated[WantedSettings, Query()]
) -> Response:
    """Show every setting, where it comes from, and of secrets only whether they are set."""
    found = configuration.sections(host, search=words(wanted.search))
    return render(
        request, "musekit/admin/settings.html", sections=found, wanted=wanted.model_dump()
    )  # fmt: skip


@router.get("/audit")
def audit_page(
    request: Request, host: HostDep, actor: Operator, wanted: Annotated[WantedEntries, Query()]
) -> Response:
    """List who did what, the newest first."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = trail.page(session, host, **wanted.model_dump())
    return render(
        request, "musekit/admin/audit.html", entries=found.items, next=found.next,
        wanted=wanted.model_dump(),
    )  # fmt: skip


@router.get("/audit/{entry_id}")
def entry_page(request: Request, host: HostDep, actor: Operator, entry_id: UUID) -> Response:
    """Show all that one entry says."""
    with host.database.session(SYSTEM, readonly=True) as session:
        entry = trail.one(session, entry_id)
    return render(request, "musekit/admin/entry.html", entry=entry)
