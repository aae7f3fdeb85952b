"""The page behind the link to unsubscribe, and the button in programs that read mail.

A person needs no sign-in for it: the link is signed, and names them and one kind of mail.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from musekit.auth.models import User
from musekit.email import suppression, unsubscribing
from musekit.errors import NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep, public
from musekit.kernel.web.pages import render

router = APIRouter(prefix="/unsubscribe")

SYSTEM = Actor.system("email")
#: Programs that read mail send the form of RFC 8058 from wherever they are.
Anybody = Annotated[Actor | None, public(cross_site=True)]


@router.get("/{token}")
def unsubscribe_page(request: Request, host: HostDep, actor: Anybody, token: str) -> Response:
    """Show what would end, and a button; programs that look through mail open this, too."""
    _, category = _read(host, token)
    return _page(request, host, token, category, done=False)


@router.post("/{token}")
def unsubscribe(request: Request, host: HostDep, actor: Anybody, token: str) -> Response:
    """End the mails of this kind; done twice it is done once."""
    user_id, category = _read(host, token)
    with host.database.session(SYSTEM) as session:
        user = session.get(User, user_id)
        if user is not None:  # who is gone gets no mail anyway
            suppression.add(session, user.email_key, category, "unsubscribed")
    return _page(request, host, token, category, done=True)


def _read(host: Host, token: str) -> tuple[UUID, str]:
    found = unsubscribing.read(host, token)
    if found is None:
        raise NotFoundError("This link is not complete. Copy all of it from the mail.")
    return found


def _page(request: Request, host: Host, token: str, category: str, *, done: bool) -> Response:
    mails = [e.label for e in host.registry.email_templates.values() if e.category == category]
    answer = render(
        request, "musekit/email/unsubscribe.html", token=token, mails=sorted(mails), done=done
    )
    answer.headers["x-robots-tag"] = "noindex"
    return answer
