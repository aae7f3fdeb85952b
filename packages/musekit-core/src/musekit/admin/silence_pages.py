"""Pages of mailboxes that get no mail."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from musekit.admin import silence
from musekit.admin.rules import SYSTEM, Acting, Operator, Wanted
from musekit.errors import InvalidError
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep
from musekit.kernel.web.flash import flash
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render

router = APIRouter(prefix="/admin/email/suppressions")

Text = Annotated[str, Form()]


class WantedMailboxes(Wanted):
    """What of the mailboxes is asked for."""

    reason: silence.Cause = "all"


@router.get("")
def suppressions_page(
    request: Request, host: HostDep, actor: Operator, wanted: Annotated[WantedMailboxes, Query()]
) -> Response:
    """List the mailboxes that get no mail, and why."""
    return _page(request, host, wanted)


@router.post("")
def silence_mailbox(request: Request, host: HostDep, actor: Acting, address: Text = "") -> Response:
    """Send a mailbox nothing any more."""
    try:
        silence.add(request, host, actor, address)
    except InvalidError as error:
        return _page(
            request, host, WantedMailboxes(), 422, errors=errors_of(error), address=address
        )
    flash(request, "Nothing is sent to this mailbox any more.")
    return redirect("/admin/email/suppressions")


@router.post("/remove")
def reopen_mailbox(
    request: Request, host: HostDep, actor: Acting, address: Text = "", category: Text = ""
) -> Response:
    """Let a mailbox have mail again."""
    text = address.replace("\0", ""), category.replace("\0", "")
    if silence.remove(request, host, actor, *text):
        flash(request, "The mailbox may have mail again, from the next one on.")
    else:
        flash(request, "This mailbox was not on the list any more.", "info")
    return redirect("/admin/email/suppressions")


def _page(
    request: Request, host: Host, wanted: WantedMailboxes, status: int = 200, **given: Any
) -> Response:
    with host.database.session(SYSTEM, readonly=True) as session:
        found = silence.page(session, host, **wanted.model_dump())
    return render(
        request, "musekit/admin/suppressions.html", status=status, mailboxes=found.items,
        next=found.next, wanted=wanted.model_dump(), **({"errors": {}, "address": ""} | given),
    )  # fmt: skip
