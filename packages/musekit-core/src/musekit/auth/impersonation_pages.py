"""The end of an operator's acting as a person: a banner with a button on every page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from musekit.auth import impersonation
from musekit.auth.resolve import COOKIE, SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep, signed_in
from musekit.kernel.web.cookies import drop_cookie, set_cookie
from musekit.kernel.web.pages import redirect

router = APIRouter()

InBrowser = Annotated[Actor, signed_in(browser=True)]


@router.post("/impersonation/end")
def end(request: Request, host: HostDep, actor: InBrowser) -> Response:
    """Become oneself again; for whoever is nobody else, there is nothing to do."""
    if actor.impersonator_id is None:
        return redirect("/dashboard")
    with host.database.session(SYSTEM) as session:
        back = impersonation.end(session, actor, request)
    if back is None:
        answer = redirect("/sign-in")
        drop_cookie(answer, host.settings, COOKIE)
        return answer
    answer = redirect(f"/admin/users/{back.user_id}")
    days = host.settings.session_days
    set_cookie(answer, host.settings, COOKIE, back.secret, max_age=days * 86400)
    return answer


def banner(host: Host, actor: Any) -> dict[str, Any] | None:
    """Return what the banner says; None for everybody who is themselves."""
    if actor is None or actor.impersonator_id is None:
        return None
    with host.database.session(SYSTEM, readonly=True) as session:
        return {"until": impersonation.until(session, actor.session_id)}
