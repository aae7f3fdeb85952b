"""JSON routes of spaces."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from musekit.auth import sessions
from musekit.auth.resolve import SYSTEM
from musekit.auth.schemas import SpaceOut
from musekit.auth.second_factors import demanded
from musekit.kernel.actors import Actor
from musekit.kernel.web.access import HostDep, signed_in
from musekit.kernel.web.schemas import Input, Output
from musekit.spaces import service

router = APIRouter(prefix="/api/spaces", tags=["Spaces"])


class SpaceList(BaseModel):
    """The spaces one belongs to."""

    items: list[SpaceOut]
    next_cursor: None = None


class PersonalSpace(Output):
    """One's own space."""

    id: UUID
    name: str
    timezone: str = Field(description="IANA name; days and months of the plan are counted by it")


class PersonalChanges(Input):
    """What may be changed of it; what is absent stays."""

    name: str | None = Field(None, max_length=200)
    timezone: str | None = Field(None, max_length=64)


class Switch(Input):
    """Where to go."""

    space_id: UUID


@router.get("")
def list_spaces(host: HostDep, actor: Annotated[Actor, signed_in(bound=True)]) -> SpaceList:
    """List the spaces one may enter, the personal one first."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        found = service.memberships(session, actor.user_id)
    if actor.organization_id is not None:
        found = [each for each in found if each.organization_id == actor.organization_id]
    return SpaceList(items=[SpaceOut.model_validate(each) for each in found])


@router.post("/switch")
def switch_space(
    host: HostDep, actor: Annotated[Actor, signed_in(browser=True, bound=True)], body: Switch
) -> SpaceOut:
    """Move this browser's session to another of one's spaces."""
    assert actor.user_id is not None
    assert actor.session_id is not None
    asked = demanded.spaces(host)
    with host.database.session(SYSTEM) as session:
        space = service.membership(session, actor.user_id, body.space_id)
        demanded.demand(session, actor.session_id, space.id, asked=asked)
        sessions.move(session, actor.session_id, space.id)
    return SpaceOut.model_validate(space)


@router.get("/personal")
def get_personal_space(host: HostDep, actor: Annotated[Actor, signed_in()]) -> PersonalSpace:
    """Return one's own space."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        return PersonalSpace.model_validate(service.personal_space(session, actor.user_id))


@router.patch("/personal")
def change_personal_space(
    host: HostDep, actor: Annotated[Actor, signed_in(browser=True)], body: PersonalChanges
) -> PersonalSpace:
    """Give one's own space another name or clock."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM) as session:
        space = service.change_personal(
            session, actor.user_id, name=body.name, timezone=body.timezone
        )
        return PersonalSpace.model_validate(space)
