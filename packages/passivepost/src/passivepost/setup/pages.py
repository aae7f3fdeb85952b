"""``/admin/setup/passivepost``: is the product set up?"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from musekit.api import Actor, HostDep, flash, operator_only, redirect, render
from passivepost.setup import service

router = APIRouter(prefix="/admin/setup/passivepost")
PAGE = "/admin/setup/passivepost"
SYSTEM = Actor.system("admin")


@router.get("")
def setup_page(
    request: Request, host: HostDep, actor: Annotated[Actor, operator_only()]
) -> Response:
    """Show which networks can be connected, what is missing, and how that is mended."""
    with host.database.session(SYSTEM, readonly=True) as session:
        networks = service.networks(session, host)
    return render(
        request, "passivepost/setup.html", points=service.points(host),
        ready=[each for each in networks if each.state == "ready"],
        unset=[each for each in networks if each.state == "unset"],
        away=[each for each in networks if each.state == "unavailable"],
        held=[each for each in host.registry.quarantined if each.plugin.startswith("passivepost")],
    )  # fmt: skip


@router.post("/check")
def check(
    request: Request, host: HostDep, actor: Annotated[Actor, operator_only(recent=True)]
) -> Response:
    """Have every network and account asked now how it is."""
    host.broker.enqueue("social-health-check")
    flash(request, "The networks are being asked. Look again in a minute.")
    return redirect(PAGE)
