"""JSON routes of the spaces of an organization."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request

from musekit.auth.resolve import SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.web.access import HostDep, requires
from musekit.organizations import schemas as s
from musekit.organizations import service, space_acts, spaces
from musekit.organizations.here import here

router = APIRouter(prefix="/api/organizations/{organization_id}/spaces", tags=["Organizations"])

Manager = Annotated[Actor, requires("organization.spaces.write")]


@router.get("")
def list_organization_spaces(
    host: HostDep, actor: Manager, organization_id: UUID
) -> s.OrganizationSpaceList:
    """List the spaces of the organization."""
    with host.database.session(SYSTEM, readonly=True) as session:
        organization = service.at(session, actor.space_id, organization_id)
        found = service.spaces(session, organization.id)
    return s.OrganizationSpaceList(items=[s.OrganizationSpace.model_validate(x) for x in found])


@router.post("", status_code=201)
def create_space(
    request: Request, host: HostDep, actor: Manager, organization_id: UUID, body: s.NewSpace
) -> s.OrganizationSpace:
    """Make a further space, such as one for a client."""
    organization = here(host, actor, organization_id)
    space = space_acts.add(request, host, actor, organization, body.name)
    return s.OrganizationSpace.model_validate(space)


@router.patch("/{space_id}")
def change_organization_space(
    request: Request, host: HostDep, actor: Manager, organization_id: UUID, *, space_id: UUID,
    body: s.SpaceChanges,
) -> s.OrganizationSpace:  # fmt: skip
    """Give a space another name, or another clock by which its days are counted."""
    organization = here(host, actor, organization_id)
    space = space_acts.change(
        request, host, actor, organization, space_id, name=body.name, timezone=body.timezone
    )
    return s.OrganizationSpace.model_validate(space)


@router.get("/{space_id}/members")
def list_space_members(
    host: HostDep, actor: Manager, organization_id: UUID, space_id: UUID
) -> s.PeopleInSpace:
    """List who is in a space."""
    with host.database.session(SYSTEM, readonly=True) as session:
        organization = service.at(session, actor.space_id, organization_id)
        spaces.find(session, organization.id, space_id)
        found = spaces.people(session, organization.id, space_id)
    return s.PeopleInSpace(items=[s.PersonInSpace.model_validate(x) for x in found if x.role])


@router.put("/{space_id}/members/{user_id}", status_code=204)
def put_space_member(
    request: Request, host: HostDep, actor: Manager, organization_id: UUID, *, space_id: UUID,
    user_id: UUID, body: s.SpaceRole,
) -> None:  # fmt: skip
    """Put a member of the organization into a space, or change what they are there."""
    organization = here(host, actor, organization_id)
    space_acts.give(request, host, actor, organization, space_id, user_id=user_id, role=body.role)


@router.delete("/{space_id}/members/{user_id}", status_code=204)
def delete_space_member(
    request: Request, host: HostDep, actor: Manager, organization_id: UUID, *, space_id: UUID,
    user_id: UUID,
) -> None:  # fmt: skip
    """Take a member out of a space; they stay in the organization."""
    organization = here(host, actor, organization_id)
    space_acts.take(request, host, actor, organization, space_id, user_id=user_id)
