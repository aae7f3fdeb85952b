"""JSON routes of spaces."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from musekit.auth import sessions
from musekit.auth.resolve import SYSTEM
from musekit.auth.schemas import SpaceOut
from musekit.kernel.actors import Actor
from musekit.kernel.web.access import HostDep, signed_in
from musekit.spaces import service

router = APIRouter(prefix="/api/spaces", tags=["Spaces"])


class SpaceList(BaseModel):
    """The spaces one belongs to."""

    items: list[SpaceOut]
    next_cursor: None = None


class Switch(BaseModel):
    """Where to go."""

    model_config = ConfigDict(extra="forbid")
    space_id: UUID


@router.get("")
def list_spaces(host: HostDep, actor: Annotated[Actor, signed_in()]) -> SpaceList:
    """List the spaces one belongs to, the personal one first."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        found = service.memberships(session, actor.user_id)
    return SpaceList(items=[SpaceOut.model_validate(each) for each in found])


@router.post("/switch")
def switch_space(
    host: HostDep, actor: Annotated[Actor, signed_in(browser=True)], body: Switch
) -> SpaceOut:
    """Move this browser's session to another of one's spaces."""
    assert actor.user_id is not None
    assert actor.session_id is not None
    with host.database.session(SYSTEM) as session:
        space = service.membership(session, actor.user_id, body.space_id)
        sessions.move(session, actor.session_id, space.id)
    return SpaceOut.model_validate(space)
