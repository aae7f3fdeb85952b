"""``/api/admin/organizations``: how the operator sees them, and what they are given by hand."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from musekit.admin import details, granting, organizations
from musekit.admin import organization_schemas as s
from musekit.admin.plan_schemas import GrantIn, decided
from musekit.admin.rules import SYSTEM, Acting, Asked, Operator
from musekit.kernel.web.access import HostDep
from musekit.products.owners import Owner

router = APIRouter(prefix="/api/admin/organizations", tags=["Administration"])


class AskedOrganizations(Asked):
    """Which organizations are asked for."""

    state: organizations.State = "all"


@router.get("")
def list_all_organizations(
    host: HostDep, actor: Operator, asked: Annotated[AskedOrganizations, Query()]
) -> s.AdminOrganizationList:
    """List organizations, the newest first."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = organizations.page(session, host, **asked.wanted)
        sizes = organizations.sizes(session, found.items)
        items = [s.SizedOrganization.of(each, sizes[each.id]) for each in found.items]
    return s.AdminOrganizationList(items=items, next_cursor=found.next)


@router.get("/{organization_id}")
def get_organization(
    host: HostDep, actor: Operator, organization_id: UUID
) -> s.AdminOrganizationDetail:
    """Get one organization: its people, its spaces, which tiers it has, and why."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = details.of_organization(session, organization_id)
    return s.AdminOrganizationDetail.of(found, decided(details.decisions(host, found.spaces)))


@router.put("/{organization_id}/grants/{product}", status_code=204)
def give_organization_tier(
    request: Request, host: HostDep, actor: Acting, organization_id: UUID, *,
    product: str, body: GrantIn,
) -> None:  # fmt: skip
    """Give a tier by hand, to every space of the organization; it comes before what is paid for."""
    owner = Owner(organization_id=organization_id)
    granting.give(request, host, actor, owner, product=product, **body.model_dump())


@router.delete("/{organization_id}/grants/{product}", status_code=204)
def take_organization_tier_back(
    request: Request, host: HostDep, actor: Acting, organization_id: UUID, product: str
) -> None:
    """Take a given tier back."""
    owner = Owner(organization_id=organization_id)
    granting.take_back(request, host, actor, owner, product=product)
