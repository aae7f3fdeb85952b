"""The page behind the link of an invitation. It only shows; its button joins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from musekit.auth import sessions
from musekit.auth.links import LinkSpentError
from musekit.auth.resolve import SYSTEM
from musekit.auth.second_factors import demanded
from musekit.errors import ForbiddenError, LimitReachedError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.ratelimit.policies import RESET
from musekit.kernel.web.access import HostDep, public, signed_in
from musekit.kernel.web.flash import flash
from musekit.kernel.web.pages import redirect, render
from musekit.organizations import acts, invites

router = APIRouter(prefix="/invite")

Anybody = Annotated[Actor | None, public(limit=RESET)]
InPerson = Annotated[Actor, signed_in(browser=True, in_person=True, limit=RESET)]


@router.get("/{token}")
def invitation_page(request: Request, host: HostDep, actor: Anybody, token: str) -> Response:
    """Show who invites to what, and a button; a visitor signs in or up first."""
    return _page(request, host, token)


@router.post("/{token}")
def accept(request: Request, host: HostDep, actor: InPerson, token: str) -> Response:
    """Join, and go to the organization."""
    assert actor.session_id is not None
    try:
        organization, space_id = acts.accept(request, host, actor, token)
    except LinkSpentError as error:
        return _spent(request, error)
    except (ForbiddenError, LimitReachedError) as error:
        return _page(request, host, token, status=error.status, fault=error.detail)
    if space_id is not None:
        asked = demanded.spaces(host)
        try:
            with host.database.session(SYSTEM) as session:
                demanded.demand(session, actor.session_id, space_id, asked=asked)
                sessions.move(session, actor.session_id, space_id)
        except demanded.SecondFactorNeededError as error:
            flash(request, f"You are a member of “{organization.name}” now. {error.detail}", "info")
            return redirect("/account/security")
    flash(request, f"Welcome to “{organization.name}”.")
    return redirect("/dashboard")


def _page(request: Request, host: Host, token: str, status: int = 200, fault: str = "") -> Response:
    try:
        with host.database.session(SYSTEM, readonly=True) as session:
            invitation, organization = invites.peek(session, token)
    except LinkSpentError as error:
        return _spent(request, error)
    shown = render(
        request, "musekit/organization/invitation.html", status=status, fault=fault, token=token,
        organization=organization.name, email=invitation.email, role=invitation.role,
    )  # fmt: skip
    return _quiet(shown)


def _spent(request: Request, error: LinkSpentError) -> Response:
    shown = render(
        request, "musekit/organization/invitation-spent.html", status=error.status,
        detail=error.detail,
    )  # fmt: skip
    return _quiet(shown)


def _quiet(shown: Response) -> Response:
    """Keep the address, which is a secret, out of other sites' logs and of searches."""
    shown.headers["referrer-policy"] = "no-referrer"
    shown.headers["x-robots-tag"] = "noindex"
    return shown
