"""The landing page, the dashboard, and moving between spaces."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.auth import sessions
from musekit.auth.resolve import SYSTEM
from musekit.auth.second_factors import demanded
from musekit.errors import InvalidError
from musekit.kernel.actors import Actor
from musekit.kernel.web.access import HostDep, public, signed_in
from musekit.kernel.web.flash import flash
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render, safe_next
from musekit.kernel.web.times import zone_names
from musekit.spaces import service

router = APIRouter()


@router.get("/")
def landing_page(request: Request, actor: Annotated[Actor | None, public()]) -> Response:
    """Say what is installed here; somebody who is signed in sees the dashboard."""
    if actor is not None:
        return redirect("/dashboard")
    return render(request, "musekit/landing.html")


@router.get("/dashboard")
def dashboard_page(
    request: Request, actor: Annotated[Actor, signed_in(browser=True, bound=True)]
) -> Response:
    """Show what needs the person, from the cards of the products."""
    return render(request, "musekit/dashboard.html")


@router.get("/account/space")
def space_page(
    request: Request, host: HostDep, actor: Annotated[Actor, signed_in(browser=True)]
) -> Response:
    """Show the name and the clock of one's own space."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        space = service.personal_space(session, actor.user_id)
    return _space(request, name=space.name, timezone=space.timezone)


@router.post("/account/space/settings")
def change_space(
    request: Request, host: HostDep, actor: Annotated[Actor, signed_in(browser=True)],
    name: Annotated[str, Form()] = "", timezone: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Save them."""
    assert actor.user_id is not None
    try:
        with host.database.session(SYSTEM) as session:
            service.change_personal(session, actor.user_id, name=name, timezone=timezone)
    except InvalidError as error:
        return _space(request, 422, name=name, timezone=timezone, errors=errors_of(error))
    flash(request, "Your space is saved.")
    return redirect("/account/space")


@router.post("/account/space")
def switch_space(
    request: Request, host: HostDep, actor: Annotated[Actor, signed_in(browser=True, bound=True)],
    space_id: Annotated[UUID, Form()], next: Annotated[str, Form()] = "",  # noqa: A002
) -> Response:  # fmt: skip
    """Move this browser's session to another of the person's spaces."""
    assert actor.user_id is not None
    assert actor.session_id is not None
    asked = demanded.spaces(host)
    try:
        with host.database.session(SYSTEM) as session:
            space = service.membership(session, actor.user_id, space_id)
            demanded.demand(session, actor.session_id, space.id, asked=asked)
            sessions.move(session, actor.session_id, space.id)
    except demanded.SecondFactorNeededError as error:
        flash(request, error.detail, "warning")
        return redirect("/account/security")
    flash(request, f"You are now in “{space.name}”.", "info")
    return redirect(safe_next(next))


def _space(request: Request, status: int = 200, **context: object) -> Response:
    blank = {"zones": zone_names(), "errors": {}}
    return render(request, "musekit/organization/own-space.html", status, **(blank | context))
