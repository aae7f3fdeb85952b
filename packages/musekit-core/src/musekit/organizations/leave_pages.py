"""Pages of going: leaving an organization, and taking somebody out. Each says what it means."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from musekit.auth.resolve import SYSTEM
from musekit.errors import NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep, requires
from musekit.kernel.web.flash import flash, refusals
from musekit.kernel.web.pages import redirect, render
from musekit.organizations import acts, service
from musekit.organizations.here import here
from musekit.organizations.member_pages import HOME, SAID
from musekit.organizations.none_page import none

router = APIRouter(prefix="/organization")

Manager = Annotated[Actor, requires("organization.members.write", browser=True, in_person=True)]
Member = Annotated[Actor, requires("organization.read", browser=True, in_person=True)]


@router.get("/leave")
def leave_page(request: Request, host: HostDep, actor: Member) -> Response:
    """Say what one loses by leaving."""
    assert actor.user_id is not None
    try:
        return _page(request, host, actor, actor.user_id)
    except NotFoundError:
        return none(request, host, actor)


@router.post("/leave")
def leave(request: Request, host: HostDep, actor: Member) -> Response:
    """Leave the organization."""
    assert actor.user_id is not None
    organization = here(host, actor)
    try:
        acts.remove(request, host, actor, organization, actor.user_id)
    except SAID as error:
        flash(request, error.detail, "danger")
        return redirect("/organization")
    flash(request, f"You have left “{organization.name}”. What you made there stays.")
    return redirect("/dashboard")


@router.get("/members/{user_id}/remove")
def remove_page(request: Request, host: HostDep, actor: Manager, user_id: UUID) -> Response:
    """Say what a member loses by being taken out."""
    return _page(request, host, actor, user_id)


@router.post("/members/{user_id}/remove")
def remove(request: Request, host: HostDep, actor: Manager, user_id: UUID) -> Response:
    """Take a member out."""
    organization = here(host, actor)
    with refusals(request, *SAID):
        acts.remove(request, host, actor, organization, user_id)
        flash(request, "They no longer belong to the organization. What they made stays.")
    return redirect(HOME)


def _page(request: Request, host: Host, actor: Actor, user_id: UUID) -> Response:
    with host.database.session(SYSTEM, readonly=True) as session:
        organization = service.of(session, actor.space_id)
        people = service.members(session, organization.id)
        spaces = service.spaces_in(session, organization.id, user_id)
    person = next((each for each in people if each.user_id == user_id), None)
    if person is None:
        raise NotFoundError("Nobody of that name belongs to this organization.")
    owners = [each.user_id for each in people if each.role == "owner"]
    return render(
        request, "musekit/organization/leave.html", organization=organization, person=person,
        spaces=spaces, oneself=user_id == actor.user_id, last=owners == [user_id],
    )  # fmt: skip
