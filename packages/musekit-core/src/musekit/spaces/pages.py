"""The landing page, the dashboard, and moving between spaces."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.auth import sessions
from musekit.auth.resolve import SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.web.access import HostDep, public, signed_in
from musekit.kernel.web.flash import flash
from musekit.kernel.web.pages import redirect, render, safe_next
from musekit.spaces import service

router = APIRouter()


@router.get("/")
def landing_page(
    request: Request, host: HostDep, actor: Annotated[Actor | None, public()]
) -> Response:
    """Say what is installed here; somebody who is signed in sees the dashboard."""
    if actor is not None:
        return redirect("/dashboard")
    tiers = {product.key: [tier for tier in host.registry.tiers if tier.product == product.key]
             for product in host.registry.products}  # fmt: skip
    return render(request, "musekit/landing.html", tiers=tiers)


@router.get("/dashboard")
def dashboard_page(request: Request, actor: Annotated[Actor, signed_in(browser=True)]) -> Response:
    """Show what needs the person, from the cards of the products."""
    return render(request, "musekit/dashboard.html")


@router.post("/account/space")
def switch_space(
    request: Request, host: HostDep, actor: Annotated[Actor, signed_in(browser=True)],
    space_id: Annotated[UUID, Form()], next: Annotated[str, Form()] = "",  # noqa: A002
) -> Response:  # fmt: skip
    """Move this browser's session to another of the person's spaces."""
    assert actor.user_id is not None
    assert actor.session_id is not None
    with host.database.session(SYSTEM) as session:
        space = service.membership(session, actor.user_id, space_id)
        sessions.move(session, actor.session_id, space.id)
    flash(request, f"You are now in “{space.name}”.", "info")
    return redirect(safe_next(next))
