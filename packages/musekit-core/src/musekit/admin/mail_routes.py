"""``/api/admin/email``: the outbox, mailboxes that get no mail, and the templates."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from musekit.admin import letters, mail_acts, mails, silence
from musekit.admin import mail_schemas as s
from musekit.admin.rules import SYSTEM, Acting, Asked, Operator
from musekit.email.service import unseal
from musekit.errors import ConflictError, NotFoundError
from musekit.kernel.web.access import HostDep

router = APIRouter(prefix="/api/admin/email", tags=["Administration"])


class AskedMails(Asked):
    """Which mails are asked for."""

    state: mails.State = "all"


class AskedMailboxes(Asked):
    """Which mailboxes are asked for."""

    reason: silence.Cause = "all"


@router.get("")
def list_mails(
    host: HostDep, actor: Operator, asked: Annotated[AskedMails, Query()]
) -> s.AdminMailList:
    """List mails, the newest first."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = mails.page(session, host, **asked.wanted)
        items = [s.AdminMail.model_validate(each) for each in found.items]
    return s.AdminMailList(items=items, next_cursor=found.next)


@router.post("/failed/retry")
def retry_failed_mails(request: Request, host: HostDep, actor: Acting) -> s.Queued:
    """Send the mails again that have failed lately, such as while the server was away."""
    return s.Queued(mails=mail_acts.retry_failed(request, host, actor))


@router.get("/suppressions")
def list_suppressions(
    host: HostDep, actor: Operator, asked: Annotated[AskedMailboxes, Query()]
) -> s.SuppressionList:
    """List the mailboxes that get no mail, and why; the newest first."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = silence.page(session, host, **asked.wanted)
        items = [
            s.SuppressionOut(
                address=each.email_key, category=each.category, reason=each.reason,
                detail=each.detail, created_at=each.created_at,
            )
            for each in found.items
        ]  # fmt: skip
    return s.SuppressionList(items=items, next_cursor=found.next)


@router.post("/suppressions", status_code=204)
def silence_mailbox(request: Request, host: HostDep, actor: Acting, body: s.Mailbox) -> None:
    """Send a mailbox nothing any more."""
    silence.add(request, host, actor, body.address)


@router.delete("/suppressions", status_code=204)
def reopen_mailbox(
    request: Request, host: HostDep, actor: Acting,
    address: Annotated[str, Query(max_length=320)], category: Annotated[str, Query(max_length=100)],
) -> None:  # fmt: skip
    """Let a mailbox have mail of a category again, from the next one on."""
    if "\0" in address + category or not silence.remove(request, host, actor, address, category):
        raise NotFoundError("This mailbox is not on the list.")


@router.get("/templates")
def list_templates(host: HostDep, actor: Operator, search: str = "") -> s.TemplateList:
    """List the mails that plugins send."""
    found = letters.listed(host, search=search)
    return s.TemplateList(items=[s.TemplateOut.of(*each) for each in found])


@router.get("/templates/{template}")
def get_template(host: HostDep, actor: Operator, template: str) -> s.TemplateDetail:
    """Get a mail as its sample makes it, in both parts."""
    return s.TemplateDetail.written(letters.letter(host, template))


@router.post("/templates/{template}/try")
def try_template(request: Request, host: HostDep, actor: Acting, template: str) -> s.Tried:
    """Send the mail to oneself, the way all mail goes."""
    return s.Tried(mail_id=letters.send_to_oneself(request, host, actor, template))


@router.get("/{mail_id}")
def get_mail(host: HostDep, actor: Operator, mail_id: UUID) -> s.AdminMailDetail:
    """Get a mail and what became of it; its text, where it stays here."""
    with host.database.session(SYSTEM, readonly=True) as session:
        row = mails.one(session, mail_id)
    text = unseal(host, row).text if mails.may_be_read(row) else None
    plain = s.AdminMail.model_validate(row).model_dump()
    return s.AdminMailDetail(
        **plain, message_id=row.message_id, provider_ref=row.provider_ref, text=text
    )


@router.post("/{mail_id}/retry", status_code=204)
def retry_mail(request: Request, host: HostDep, actor: Acting, mail_id: UUID) -> None:
    """Send a mail again that has failed."""
    if not mail_acts.retry(request, host, actor, mail_id):
        raise ConflictError("Only a mail that has failed, and still has its text, can go again.")
