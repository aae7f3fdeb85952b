"""Forms of the members' page that invite, invite again, and take an invitation back."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel
from starlette.responses import Response

from musekit.errors import ConflictError, InvalidError, LimitReachedError, NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.ratelimit.policies import RESET
from musekit.kernel.web.access import HostDep, requires
from musekit.kernel.web.flash import flash, refusals
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect
from musekit.organizations import acts
from musekit.organizations.here import here
from musekit.organizations.member_pages import HOME, show

router = APIRouter(prefix="/organization/invitations")

Manager = Annotated[Actor, requires("organization.members.write", browser=True, in_person=True)]
Inviting = Annotated[
    Actor, requires("organization.members.write", browser=True, in_person=True, limit=RESET)
]


class InvitationForm(BaseModel):
    """What the form sends."""

    email: str = ""
    role: str = "editor"
    space_ids: list[UUID] = []


@router.post("")
def invite(
    request: Request, host: HostDep, actor: Inviting, form: Annotated[InvitationForm, Form()]
) -> Response:
    """Invite somebody, to the spaces that are ticked; to the one that one is in if none is."""
    organization = here(host, actor)
    given = {"email": form.email, "role": form.role}
    try:
        row = acts.invite(request, host, actor, organization, space_ids=form.space_ids, **given)
    except InvalidError as error:
        return show(
            request, host, actor, 422, errors=errors_of(error), chosen=form.space_ids, **given
        )
    except (ConflictError, LimitReachedError) as error:
        shown = show(
            request, host, actor, error.status, errors={"email": error.detail},
            chosen=form.space_ids, **given,
        )  # fmt: skip
        shown.headers.update(error.headers)
        return shown
    flash(request, f"{row.email} is invited. The link in the mail works once.")
    return redirect(HOME)


@router.post("/{invitation_id}/again")
def invite_again(request: Request, host: HostDep, actor: Inviting, invitation_id: UUID) -> Response:
    """Send another link; the one before it ends."""
    try:
        row = acts.invite_again(request, host, actor, here(host, actor), invitation_id)
    except (ConflictError, LimitReachedError, NotFoundError) as error:
        flash(request, error.detail, "info" if isinstance(error, NotFoundError) else "danger")
    else:
        flash(request, f"{row.email} gets another mail. The link before it works no more.")
    return redirect(HOME)


@router.post("/{invitation_id}/revoke")
def revoke(request: Request, host: HostDep, actor: Manager, invitation_id: UUID) -> Response:
    """Take an invitation back; one that is over already is what was wanted."""
    with refusals(request, NotFoundError, tone="info"):
        acts.revoke(request, host, actor, here(host, actor), invitation_id)
        flash(request, "The invitation is taken back. Its link is worth nothing now.")
    return redirect(HOME)
