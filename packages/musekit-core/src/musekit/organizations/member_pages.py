"""The page of who belongs to an organization, and its forms that change it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.auth.resolve import SYSTEM
from musekit.declarations import ROLES
from musekit.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep, requires
from musekit.kernel.web.flash import flash, refusals
from musekit.kernel.web.pages import redirect, render
from musekit.organizations import acts, invites, service
from musekit.organizations.here import here
from musekit.organizations.none_page import none

router = APIRouter(prefix="/organization")

HOME = "/organization/members"
Reader = Annotated[Actor, requires("organization.read", browser=True)]
Manager = Annotated[Actor, requires("organization.members.write", browser=True, in_person=True)]
#: What a form is told instead of being done; anything else is a page of its own.
SAID = (ConflictError, ForbiddenError, InvalidError, NotFoundError)


@router.get("/members")
def members_page(request: Request, host: HostDep, actor: Reader) -> Response:
    """Show who belongs to the organization, and who is invited."""
    try:
        return show(request, host, actor)
    except NotFoundError:
        return none(request, host, actor)


@router.post("/members/{user_id}/role")
def change_role(
    request: Request, host: HostDep, actor: Manager, user_id: UUID,
    role: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Give a member another role."""
    organization = here(host, actor)
    with refusals(request, *SAID):
        acts.change_role(request, host, actor, organization, user_id=user_id, role=role)
        flash(request, "The role is changed. It holds from the next click on.")
    return redirect(HOME)


def show(
    request: Request, host: Host, actor: Actor, status: int = 200, **given: object
) -> Response:
    """Show the page, with what was typed into its form."""
    with host.database.session(SYSTEM, readonly=True) as session:
        organization = service.of(session, actor.space_id)
        manages = actor.may("organization.members.write")
        found: dict[str, Any] = {
            "organization": organization,
            "members": service.members(session, organization.id),
            "spaces": service.spaces(session, organization.id) if manages else [],
            "invitations": invites.pending(session, organization.id) if manages else [],
        }
    mine = next((each.role for each in found["members"] if each.user_id == actor.user_id), "")
    blank = {"email": "", "role": "editor", "chosen": [actor.space_id], "errors": {}}
    roles = [(role, role.capitalize()) for role in invites.GIVEN]
    return render(
        request, "musekit/organization/members.html", status=status, roles=roles, mine=mine,
        given=[role for role in ROLES if mine == "owner" or role != "owner"], now=utc_now(),
        **(found | blank | given),
    )  # fmt: skip
