"""Pages of the outbox."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from musekit.admin import mail_acts, mails
from musekit.admin.rules import SYSTEM, Acting, Operator, Wanted
from musekit.email.service import unseal
from musekit.email.settings import EmailSettings
from musekit.kernel.web.access import HostDep
from musekit.kernel.web.flash import flash
from musekit.kernel.web.pages import redirect, render

router = APIRouter(prefix="/admin/email")


class WantedMails(Wanted):
    """What of the outbox is asked for."""

    state: mails.State = "all"


@router.get("")
def outbox_page(
    request: Request, host: HostDep, actor: Operator, wanted: Annotated[WantedMails, Query()]
) -> Response:
    """List mails, the newest first."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = mails.page(session, host, **wanted.model_dump())
        counts = mails.counts(session)
    return render(
        request, "musekit/admin/email.html", mails=found.items, next=found.next, counts=counts,
        settings=host.settings_of(EmailSettings), wanted=wanted.model_dump(),
    )  # fmt: skip


@router.post("/failed/again")
def send_all_again(request: Request, host: HostDep, actor: Acting) -> Response:
    """Send the mails again that have failed lately, such as while the server was away."""
    done = mail_acts.retry_failed(request, host, actor)
    if done:
        flash(
            request, f"{done} mails are queued again." if done > 1 else "One mail is queued again."
        )
    else:
        flash(request, "There is no failed mail that still has its text.", "info")
    return redirect("/admin/email")


@router.get("/{mail_id}")
def mail_page(request: Request, host: HostDep, actor: Operator, mail_id: UUID) -> Response:
    """Show what became of a mail; its text, where it stays here."""
    with host.database.session(SYSTEM, readonly=True) as session:
        row = mails.one(session, mail_id)
    text = unseal(host, row).text if mails.may_be_read(row) else None
    return render(request, "musekit/admin/mail.html", mail=row, text=text)


@router.post("/{mail_id}/again")
def send_again(request: Request, host: HostDep, actor: Acting, mail_id: UUID) -> Response:
    """Send a mail again that has failed."""
    if mail_acts.retry(request, host, actor, mail_id):
        flash(request, "The mail is queued again.")
    else:
        flash(request, "Only a mail that has failed can be sent again.", "info")
    return redirect(f"/admin/email/{mail_id}")
