"""Pages of the acts that cannot be undone alone: hand an organization over, delete it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.auth.resolve import SYSTEM
from musekit.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep, requires
from musekit.kernel.web.flash import flash
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render
from musekit.organizations import ending, owner_acts, service
from musekit.organizations.here import here
from musekit.organizations.none_page import none

router = APIRouter(prefix="/organization")

Giving = Annotated[Actor, requires("organization.transfer", recent=True)]
Deleting = Annotated[Actor, requires("organization.delete", recent=True)]


@router.get("/transfer")
def transfer_page(request: Request, host: HostDep, actor: Giving) -> Response:
    """Show to whom the organization can be handed over."""
    try:
        return _transfer(request, host, actor)
    except NotFoundError:
        return none(request, host, actor)


@router.post("/transfer")
def transfer(
    request: Request, host: HostDep, actor: Giving, user_id: Annotated[UUID, Form()]
) -> Response:
    """Hand it over; one is an admin afterwards."""
    organization = here(host, actor)
    try:
        heir = owner_acts.transfer(request, host, actor, organization, to=user_id)
    except (ConflictError, ForbiddenError, NotFoundError) as error:
        return _transfer(request, host, actor, error.status, fault=error.detail)
    flash(request, f"“{organization.name}” belongs to {heir.name or heir.email} now.")
    return redirect("/organization/members")


@router.get("/delete")
def delete_page(request: Request, host: HostDep, actor: Deleting) -> Response:
    """Say what goes, and ask for the organization's name."""
    try:
        return _delete(request, host, actor)
    except NotFoundError:
        return none(request, host, actor)


@router.post("/delete")
def delete(
    request: Request, host: HostDep, actor: Deleting, name: Annotated[str, Form()] = ""
) -> Response:
    """Close it for everybody; the rest is deleted in the background."""
    organization = here(host, actor)
    try:
        owner_acts.close(request, host, actor, organization, name=name)
    except InvalidError as error:
        return _delete(request, host, actor, 422, name=name, errors=errors_of(error))
    except (ConflictError, ForbiddenError) as error:
        return _delete(request, host, actor, error.status, name=name, fault=error.detail)
    flash(request, f"“{organization.name}” is closed and being deleted. You are at home again.")
    return redirect("/dashboard")


def _transfer(
    request: Request, host: Host, actor: Actor, status: int = 200, *, fault: str = ""
) -> Response:
    with host.database.session(SYSTEM, readonly=True) as session:
        organization = service.of(session, actor.space_id)
        people = service.members(session, organization.id)
    heirs = [
        (str(each.user_id), f"{each.name} · {each.email}" if each.name else each.email)
        for each in people
        if each.role == "admin"
    ]
    return render(
        request, "musekit/organization/transfer.html", status=status, organization=organization,
        heirs=heirs, fault=fault,
    )  # fmt: skip


def _delete(
    request: Request, host: Host, actor: Actor, status: int = 200, **given: object
) -> Response:
    with host.database.session(SYSTEM, readonly=True) as session:
        organization = service.of(session, actor.space_id)
        spaces = service.spaces(session, organization.id)
        people = service.members(session, organization.id)
        pays = ending.is_paying(session, organization.id)
    blank = {"name": "", "errors": {}, "fault": ""}
    return render(
        request, "musekit/organization/delete.html", status=status, organization=organization,
        spaces=spaces, people=len(people), pays=pays, **(blank | given),
    )  # fmt: skip
