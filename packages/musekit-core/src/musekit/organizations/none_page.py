"""What the pages of an organization show in a space that belongs to none."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from musekit.auth.resolve import SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.web.pages import render
from musekit.organizations import service


def none(request: Request, host: Host, actor: Actor) -> Response:
    """Say that this space is the person's alone, and which organizations they belong to."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        joined = service.joined(session, actor.user_id)
    return render(request, "musekit/organization/none.html", joined=joined)
