"""JSON routes about an organization itself: its name, settings, owner, end."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request

from musekit.auth.resolve import SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.web.access import HostDep, requires
from musekit.organizations import owner_acts, preferences, second_factor, service
from musekit.organizations import schemas as s
from musekit.organizations.here import here
from musekit.organizations.preferences import OrganizationPreferences

router = APIRouter(prefix="/api/organizations/{organization_id}", tags=["Organizations"])

Reader = Annotated[Actor, requires("organization.read")]
Manager = Annotated[Actor, requires("organization.settings.write")]
Giving = Annotated[Actor, requires("organization.transfer", recent=True)]
Deleting = Annotated[Actor, requires("organization.delete", recent=True)]


@router.get("")
def get_organization(host: HostDep, actor: Reader, organization_id: UUID) -> s.OrganizationOut:
    """Return the organization of the space one is in."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        organization = service.at(session, actor.space_id, organization_id)
        found = service.membership(session, organization.id, actor.user_id)
    return s.OrganizationOut.model_validate(found)


@router.patch("", status_code=204)
def rename_organization(
    request: Request, host: HostDep, actor: Manager, organization_id: UUID, body: s.Renaming
) -> None:
    """Give the organization another name."""
    organization = here(host, actor, organization_id)
    owner_acts.change(request, host, actor, organization, name=body.name)


@router.get("/settings")
def get_organization_settings(
    host: HostDep, actor: Reader, organization_id: UUID
) -> OrganizationPreferences:
    """Return what the organization has set for itself."""
    with host.database.session(SYSTEM, readonly=True) as session:
        organization = service.at(session, actor.space_id, organization_id)
        return OrganizationPreferences.model_validate(preferences.of(session, organization.id))


@router.patch("/settings")
def change_organization_settings(
    request: Request,
    host: HostDep,
    actor: Manager,
    organization_id: UUID,
    body: OrganizationPreferences,
) -> OrganizationPreferences:
    """Change some settings; null takes one away. What is a product's is the operator's alone."""
    organization = here(host, actor, organization_id)
    given = body.model_dump(by_alias=True, exclude_unset=True)
    return OrganizationPreferences.model_validate(
        owner_acts.change(request, host, actor, organization, settings=given)
    )


@router.get("/second-factor")
def get_second_factor_policy(
    host: HostDep, actor: Manager, organization_id: UUID
) -> s.SecondFactorOut:
    """Say whether members need a second factor, and how many have none."""
    organization = here(host, actor, organization_id)
    with host.database.session(SYSTEM, readonly=True) as session:
        found = second_factor.of(session, organization.id)
    return s.SecondFactorOut(asked=found.asked, without=found.without)


@router.put("/second-factor")
def ask_for_second_factor(
    request: Request, host: HostDep, actor: Giving, organization_id: UUID, body: s.SecondFactorIn
) -> s.SecondFactorOut:
    """Ask the members for a second factor, or no more. Whoever came in without is out at once."""
    organization = here(host, actor, organization_id)
    found = second_factor.ask(request, host, actor, organization, on=body.asked)
    return s.SecondFactorOut(asked=found.asked, without=found.without)


@router.post("/transfer", status_code=204)
def transfer_organization(
    request: Request, host: HostDep, actor: Giving, organization_id: UUID, body: s.Heir
) -> None:
    """Hand the organization over to one of its admins; one is an admin afterwards."""
    organization = here(host, actor, organization_id)
    owner_acts.transfer(request, host, actor, organization, to=body.user_id)


@router.post("/delete", status_code=204)
def delete_organization(
    request: Request, host: HostDep, actor: Deleting, organization_id: UUID, body: s.Ending
) -> None:
    """Close the organization for everybody at once; what it has is deleted in the background."""
    organization = here(host, actor, organization_id)
    owner_acts.close(request, host, actor, organization, name=body.name)
