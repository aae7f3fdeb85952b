"""Pages of an organization's spaces: which there are, and of each its name, clock and people."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.auth.resolve import SYSTEM
from musekit.errors import InvalidError, LimitReachedError, NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep, requires
from musekit.kernel.web.flash import flash
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render
from musekit.kernel.web.times import zone_names
from musekit.organizations import service, space_acts, spaces
from musekit.organizations.here import here
from musekit.organizations.member_pages import SAID
from musekit.organizations.none_page import none

router = APIRouter(prefix="/organization/spaces")

HOME = "/organization/spaces"
Manager = Annotated[Actor, requires("organization.spaces.write", browser=True)]
Text = Annotated[str, Form()]


@router.get("")
def spaces_page(request: Request, host: HostDep, actor: Manager) -> Response:
    """Show the spaces, with the form for another one."""
    try:
        return _list(request, host, actor)
    except NotFoundError:
        return none(request, host, actor)


@router.post("")
def create_space(request: Request, host: HostDep, actor: Manager, name: Text = "") -> Response:
    """Make a further space."""
    organization = here(host, actor)
    try:
        space = space_acts.add(request, host, actor, organization, name)
    except InvalidError as error:
        return _list(request, host, actor, 422, name=name, errors=errors_of(error))
    except LimitReachedError as error:
        return _list(request, host, actor, error.status, name=name, errors={"name": error.detail})
    flash(request, f"The space “{space.name}” is ready. Say who works in it.")
    return redirect(f"{HOME}/{space.id}")


@router.get("/{space_id}")
def space_page(request: Request, host: HostDep, actor: Manager, space_id: UUID) -> Response:
    """Show a space: its name and clock, and who is in it."""
    return _one(request, host, actor, space_id)


@router.post("/{space_id}")
def change_space(
    request: Request, host: HostDep, actor: Manager, space_id: UUID, *, name: Text = "",
    timezone: Text = "",
) -> Response:  # fmt: skip
    """Give it another name or clock."""
    organization = here(host, actor)
    try:
        space_acts.change(
            request, host, actor, organization, space_id, name=name, timezone=timezone
        )
    except InvalidError as error:
        return _one(
            request, host, actor, space_id, 422, name=name, timezone=timezone,
            errors=errors_of(error),
        )  # fmt: skip
    flash(request, "The space is saved.")
    return redirect(f"{HOME}/{space_id}")


@router.post("/{space_id}/members")
def give(
    request: Request, host: HostDep, actor: Manager, space_id: UUID, *,
    user_id: Annotated[UUID, Form()], role: Text = "editor",
) -> Response:  # fmt: skip
    """Put a member of the organization into it, or change what they are there."""
    organization = here(host, actor)
    try:
        space_acts.give(request, host, actor, organization, space_id, user_id=user_id, role=role)
    except SAID as error:
        _say(request, error)
    else:
        flash(request, f"They work in this space now, as {role}.")
    return redirect(f"{HOME}/{space_id}")


@router.post("/{space_id}/members/{user_id}/remove")
def take(
    request: Request, host: HostDep, actor: Manager, space_id: UUID, user_id: UUID
) -> Response:
    """Take a member out of it."""
    organization = here(host, actor)
    try:
        space_acts.take(request, host, actor, organization, space_id, user_id=user_id)
    except SAID as error:
        _say(request, error)
    else:
        flash(request, "They are out of this space, and still in the organization.")
    return redirect(f"{HOME}/{space_id}")


def _say(request: Request, error: Exception) -> None:
    """Say beside the form what is wrong with it: the first fault, else the whole."""
    detail = next(iter(errors_of(error).values())) if isinstance(error, InvalidError) else ""
    flash(request, detail or str(error), "danger")


def _list(
    request: Request, host: Host, actor: Actor, status: int = 200, **given: object
) -> Response:
    with host.database.session(SYSTEM, readonly=True) as session:
        organization = service.of(session, actor.space_id)
        found = spaces.listed(session, organization.id)
    blank = {"name": "", "errors": {}}
    return render(
        request, "musekit/organization/spaces.html", status=status, organization=organization,
        spaces=found, **(blank | given),
    )  # fmt: skip


def _one(
    request: Request, host: Host, actor: Actor, space_id: UUID, status: int = 200, **given: object
) -> Response:
    with host.database.session(SYSTEM, readonly=True) as session:
        organization = service.of(session, actor.space_id)
        space = spaces.find(session, organization.id, space_id)
        people = spaces.people(session, organization.id, space_id)
    blank = {"name": space.name, "timezone": space.timezone, "errors": {}}
    return render(
        request, "musekit/organization/space.html", status=status, organization=organization,
        space=space, zones=zone_names(), present=[each for each in people if each.role],
        absent=[each for each in people if not each.role], **(blank | given),
    )  # fmt: skip
