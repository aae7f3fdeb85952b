"""Pages of mail templates, with previews."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import HTMLResponse, Response

from musekit.admin import letters
from musekit.admin.rules import Acting, Operator
from musekit.errors import NotFoundError
from musekit.kernel.web.access import HostDep
from musekit.kernel.web.flash import flash
from musekit.kernel.web.headers import content_security_policy
from musekit.kernel.web.pages import redirect, render

router = APIRouter(prefix="/admin/email/templates")


class WantedTemplates(BaseModel):
    """What of the templates is asked for: they are one page."""

    search: str = ""


@router.get("")
def templates_page(
    request: Request, host: HostDep, actor: Operator, wanted: Annotated[WantedTemplates, Query()]
) -> Response:
    """List the mails that plugins send."""
    found = letters.listed(host, search=wanted.search)
    return render(
        request, "musekit/admin/templates.html", templates=found, wanted=wanted.model_dump()
    )  # fmt: skip


@router.get("/{key}")
def template_page(request: Request, host: HostDep, actor: Operator, key: str) -> Response:
    """Show a mail as its sample makes it, in both parts."""
    answer = render(request, "musekit/admin/template.html", letter=letters.letter(host, key))
    # The frame with the mail in it is the one thing that this page may hold beside what all may.
    policy = content_security_policy(host.settings)
    answer.headers["content-security-policy"] = f"{policy}; frame-src 'self'"
    return answer


@router.get("/{key}/html")
def template_html(request: Request, host: HostDep, actor: Operator, key: str) -> Response:
    """Give the HTML of the mail by itself, for the frame of its page."""
    written = letters.letter(host, key).written
    if written is None:
        raise NotFoundError("This mail cannot be written from its sample.")
    return HTMLResponse(
        written.html,
        headers={
            "content-security-policy": letters.policy_for(written.html),
            "x-frame-options": "SAMEORIGIN", "cache-control": "no-store",
        },
    )  # fmt: skip


@router.post("/{key}/try")
def try_it(request: Request, host: HostDep, actor: Acting, key: str) -> Response:
    """Send the mail to oneself, the way all mail goes."""
    sent = letters.send_to_oneself(request, host, actor, key)
    if sent is None:
        flash(request, "Nothing was sent: your address gets no mail of this kind.", "info")
        return redirect(f"/admin/email/templates/{quote(key)}")
    flash(request, "It is queued to your own address. What became of it stands here.")
    return redirect(f"/admin/email/{sent}")
