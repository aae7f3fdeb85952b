"""All that is kept of a person, as a file for them."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response

from musekit.auth import journal
from musekit.auth.resolve import SYSTEM
from musekit.declarations import RateLimit
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host

#: It reads everything, and whoever has it has everything.
EXPORTS = RateLimit(name="exports", hits=3, seconds=86_400)


def file_of(request: Request, host: Host, actor: Actor) -> Response:
    """Return what all plugins keep of the person, as a JSON file to save; an edge.

    It is read in one unit of work, so that it fits together. It holds no password, token or other
    secret. A plugin at fault fails it: half an export is none.
    """
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        found = host.registry.hooks.export_user_data(session=session, user_id=actor.user_id)
    with host.database.session(SYSTEM) as session:
        journal.note(session, actor, "export.made", target=("user", actor.user_id), request=request)
    body = json.dumps(found, default=str, ensure_ascii=False, indent=2).encode()
    name = f"account-{utc_now():%Y-%m-%d}.json"
    return Response(
        body, media_type="application/json",
        headers={
            "content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"
        },
    )  # fmt: skip
