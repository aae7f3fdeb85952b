"""Pages of organizations: the list, and one with its people, spaces and tiers."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from musekit.admin import details, granting, organizations, plans
from musekit.admin.plans import GrantForm
from musekit.admin.rules import SYSTEM, Acting, Operator, Wanted
from musekit.errors import InvalidError, NotFoundError
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep
from musekit.kernel.web.flash import flash, refusals
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render
from musekit.products.owners import Owner

router = APIRouter(prefix="/admin/organizations")


class WantedOrganizations(Wanted):
    """What of the list of organizations is asked for."""

    state: organizations.State = "all"


@router.get("")
def organizations_page(
    request: Request, host: HostDep, actor: Operator,
    wanted: Annotated[WantedOrganizations, Query()],
) -> Response:  # fmt: skip
    """List organizations, the newest first."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = organizations.page(session, host, **wanted.model_dump())
        sizes = organizations.sizes(session, found.items)
        number = organizations.count(session, search=wanted.search, state=wanted.state)
    return render(
        request, "musekit/admin/organizations.html", organizations=found.items, sizes=sizes,
        next=found.next, number=number, wanted=wanted.model_dump(),
    )  # fmt: skip


@router.get("/{organization_id}")
def organization_page(
    request: Request, host: HostDep, actor: Operator, organization_id: UUID
) -> Response:
    """Show one organization: its people, its spaces, and which tier it has, and why."""
    return _organization(request, host, organization_id)


@router.post("/{organization_id}/grant")
def give_tier(
    request: Request, host: HostDep, actor: Acting, organization_id: UUID,
    form: Annotated[GrantForm, Form()],
) -> Response:  # fmt: skip
    """Give a tier by hand, to every space of the organization."""
    owner = Owner(organization_id=organization_id)
    try:
        granting.give(request, host, actor, owner, **form.model_dump())
    except InvalidError as error:
        return _organization(
            request, host, organization_id, 422, errors=errors_of(error), given=form
        )
    flash(request, "The tier is given. It holds at once.")
    return redirect(f"/admin/organizations/{organization_id}")


@router.post("/{organization_id}/take-back")
def take_tier_back(
    request: Request, host: HostDep, actor: Acting, organization_id: UUID,
    product: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Take a given tier back; one that is gone already is what was wanted."""
    owner = Owner(organization_id=organization_id)
    with refusals(request, NotFoundError, tone="info"):
        granting.take_back(request, host, actor, owner, product=product)
        flash(request, "The tier is taken back.")
    return redirect(f"/admin/organizations/{organization_id}")


def _organization(
    request: Request, host: Host, organization_id: UUID, status: int = 200, **context: Any
) -> Response:
    with host.database.session(SYSTEM, readonly=True) as session:
        found = details.of_organization(session, organization_id)
    blank = {"errors": {}, "given": GrantForm()}
    return render(
        request, "musekit/admin/organization.html", status=status,
        decisions=details.decisions(host, found.spaces),
        names={each.id: each.name for each in found.spaces}, choices=plans.choices(host),
        **(found._asdict() | blank | context),
    )  # fmt: skip
