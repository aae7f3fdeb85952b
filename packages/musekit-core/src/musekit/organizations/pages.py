"""Pages of organizations: make one, and see what it is and what one may do there."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.auth import sessions
from musekit.auth.resolve import SYSTEM
from musekit.declarations import ROLES
from musekit.errors import InvalidError, NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep, requires, signed_in
from musekit.kernel.web.flash import flash
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render
from musekit.organizations import acts, preferences, service
from musekit.organizations.none_page import none

router = APIRouter(prefix="/organization")

InBrowser = Annotated[Actor, signed_in(browser=True)]
Reader = Annotated[Actor, requires("organization.read", browser=True)]


@router.get("")
def organization_page(request: Request, host: HostDep, actor: Reader) -> Response:
    """Show the organization of the space one is in: its spaces, and what each role may do."""
    try:
        return _overview(request, host, actor)
    except NotFoundError:
        return none(request, host, actor)


@router.get("/new")
def new_page(request: Request, actor: InBrowser) -> Response:
    """Show the form for a new organization."""
    return render(request, "musekit/organization/new.html", name="", errors={})


@router.post("/new")
def create(
    request: Request, host: HostDep, actor: InBrowser, name: Annotated[str, Form()] = ""
) -> Response:
    """Make an organization and go to its first space."""
    assert actor.session_id is not None
    try:
        made, space = acts.create(request, host, actor, name)
    except InvalidError as error:
        return render(
            request, "musekit/organization/new.html", status=422, name=name,
            errors=errors_of(error),
        )  # fmt: skip
    with host.database.session(SYSTEM) as session:
        sessions.move(session, actor.session_id, space.id)
    flash(request, f"“{made.name}” is ready. Invite the others.")
    return redirect("/organization/members")


def _overview(request: Request, host: Host, actor: Actor) -> Response:
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        organization = service.of(session, actor.space_id)
        people = service.members(session, organization.id)
        mine = service.spaces_in(session, organization.id, actor.user_id)
        color = preferences.of(session, organization.id).get("branding", {}).get("color")
    role = next((each.role for each in people if each.user_id == actor.user_id), "")
    counts = {each: sum(person.role == each for person in people) for each in ROLES}
    return render(
        request, "musekit/organization/overview.html", organization=organization, spaces=mine,
        role=role, counts=counts, roles=ROLES, rights=_rights(host), color=color,
    )  # fmt: skip


def _rights(host: Host) -> list[tuple[str, list[bool]]]:
    """Return what can be allowed, of all plugins, and for each role whether it is."""
    held = {role: host.registry.permissions_of(role) for role in ROLES}
    return [
        (each.label, [each.key in held[role] for role in ROLES])
        for each in host.registry.permissions
    ]
