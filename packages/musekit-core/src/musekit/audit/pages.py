"""Pages of the audit log: of an organization or space, and of one's own account."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, field_validator
from starlette.responses import Response

from musekit.audit import reading
from musekit.auth.resolve import SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.web.access import HostDep, requires, signed_in
from musekit.kernel.web.pages import render

router = APIRouter()


class WantedEntries(BaseModel):
    """Which entries are asked for."""

    search: str = ""
    who: UUID | None = None
    span: reading.Span = "always"
    after: str = ""

    @field_validator("who", mode="before")
    @classmethod
    def _everybody(cls, value: object) -> object:
        return value or None


@router.get("/organization/audit")
def audit_page(
    request: Request,
    host: HostDep,
    actor: Annotated[Actor, requires("audit.read", browser=True)],
    wanted: Annotated[WantedEntries, Query()],
) -> Response:
    """Show who did what in one's organization, or in one's space."""
    with host.database.session(SYSTEM, readonly=True) as session:
        within = reading.reach(session, actor)
        found = reading.page(session, host, within, **wanted.model_dump())
    people = sorted(within.people.items(), key=lambda each: each[1].casefold())
    return render(
        request, "musekit/audit/organization.html", entries=found.items, next=found.next,
        within=within, people=people, wanted=wanted.model_dump() | {"who": wanted.who or ""},
    )  # fmt: skip


@router.get("/account/activity")
def activity_page(
    request: Request,
    host: HostDep,
    actor: Annotated[Actor, signed_in(browser=True)],
    after: str = "",
) -> Response:
    """Show what happened with one's own account."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        found = reading.own(session, host, actor.user_id, after=after)
    return render(
        request, "musekit/audit/own.html", entries=found.items, next=found.next,
        wanted={"after": after},
    )  # fmt: skip
