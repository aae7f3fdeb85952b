"""Where the webhooks of a space are kept: among one's account, or in the organization."""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import Request

from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.spaces.models import Space
from musekit.webhooks.disabling import page_of

ACCOUNT, ORGANIZATION = "/account/webhooks", "/organization/webhooks"


class Here(NamedTuple):
    """The space one is in, and the path of its webhooks."""

    base: str
    space: str


def here(host: Host, actor: Actor) -> Here:
    """Return it; a unit of its own."""
    with host.database.session(actor, readonly=True) as session:
        space = session.get_one(Space, actor.space_id)
        return Here(page_of(space), space.name)


def asked_at(request: Request) -> str:
    """Return under which of the two paths a page was asked for."""
    return ACCOUNT if request.url.path.startswith(ACCOUNT) else ORGANIZATION
