"""Queueing mail: written and kept in the unit of work that causes it, sent after its commit."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from musekit.auth.accounts import email_key
from musekit.auth.models import User
from musekit.email import suppression, unsubscribing
from musekit.email.mail import Address, Mail
from musekit.email.models import OutboxMail
from musekit.email.render import writer_of
from musekit.email.settings import EmailSettings
from musekit.errors import TenancyError
from musekit.kernel.database.tenancy import UNIT
from musekit.kernel.database.types import db_now, utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id

#: The job that sends; rung after the commit.
JOB = "email-deliver"
#: Categories that nobody can unsubscribe from: what an account cannot do without.
ALWAYS = ("transactional", "security")


def queue(
    session: Session,
    host: Host,
    template: str,
    *,
    to: User | Address,
    context: Mapping[str, Any],
    space_id: UUID | None = None,
    dedupe_key: str | None = None,
) -> UUID | None:
    """Write a mail and keep it to be sent once this unit of work is committed.

    Nothing leaves if it is rolled back. What is written now goes out as it is, however often it
    has to be tried: the same bytes under the same Message-ID.

    Args:
        session: of the system; a unit of an actor rings for a job that queues.
        template: key of a mail that a plugin has declared (`musekit.declarations.EmailTemplate`).
        to: whom; a person of ours, or the mailbox of somebody who has no account.
        context: the template's variables.
        space_id: the space it is about, for the operator's lists.
        dedupe_key: a second mail with the same key is not queued, however close they come.

    Returns:
        The id of the mail; None if one with this `dedupe_key` is there already, or if nothing is
        sent to this mailbox (see `musekit.email.suppression`).

    Raises:
        TenancyError: the session is not the system's.
        LookupError: no plugin has declared the template.
        ValueError: `to` is no person of ours, and mails of this category can be unsubscribed from.
    """
    unit = session.info.get(UNIT)
    if unit is None or not unit.is_system:
        raise TenancyError("Mail is queued by the system: ring for a job that does it.")
    declared = host.registry.email_templates.get(template)
    if declared is None:
        raise LookupError(f"no plugin has declared the mail “{template}”")
    mail_id, now = new_id(), utc_now()
    user_id = to.id if isinstance(to, User) else None
    headers: dict[str, str] = {}
    extra: dict[str, str] = {}
    if declared.category not in ALWAYS:
        if user_id is None:
            raise ValueError(f"“{template}” goes to people who can unsubscribe: users")
        extra["unsubscribe_url"] = url = unsubscribing.url(host, user_id, declared.category)
        headers = {
            "List-Unsubscribe": f"<{url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",  # RFC 8058
        }
    written = writer_of(host).write(declared, {**context, **extra})
    settings = host.settings_of(EmailSettings)
    mail = Mail(
        id=mail_id, message_id=f"<{mail_id.hex}@{_domain(host)}>",
        to=Address(email=to.email, name=to.name), sender=_sender(host, settings),
        subject=written.subject, html=written.html, text=written.text,
        date=format_datetime(now), reply_to=settings.reply_to, headers=headers,
    )  # fmt: skip
    mail.as_bytes()  # what cannot be sent is a fault of who queues it
    silent = suppression.covers(session, email_key(to.email), declared.category)
    row = {
        "id": mail_id, "message_id": mail.message_id, "dedupe_key": dedupe_key,
        "template": template, "category": declared.category, "to_email": to.email,
        "to_name": to.name, "user_id": user_id, "in_space_id": space_id,
        "subject": mail.subject, "body_encrypted": None if silent else seal(host, mail),
        "state": "suppressed" if silent else "queued", "attempts": 0, "uncertain": False,
        "next_attempt_at": db_now(), "created_at": now,
    }  # fmt: skip
    insert: Any = postgresql.insert if host.database.is_postgres else sqlite.insert
    made = session.scalar(
        insert(OutboxMail)
        .values(row)
        .on_conflict_do_nothing(index_elements=["dedupe_key"])
        .returning(OutboxMail.id)
    )
    if made is None or silent:
        return None
    _ring_after_commit(session, host)
    return mail_id


def seal(host: Host, mail: Mail) -> str:
    """Encrypt a mail's text for its row: it may hold a link that opens an account."""
    return host.keyring.encrypt(
        mail.body(), table="email_outbox", column="body_encrypted", row=mail.id, space=mail.id
    )


def unseal(host: Host, row: OutboxMail) -> Mail:
    """Return the mail of a row that still has its text.

    Raises:
        DecryptionError: its key is missing from the ring, or the row was tampered with.
    """
    body = host.keyring.decrypt(
        row.body_encrypted or "", table="email_outbox", column="body_encrypted", row=row.id,
        space=row.id,
    )  # fmt: skip
    return Mail.from_body(
        body, id=row.id, message_id=row.message_id, subject=row.subject,
        to=Address(email=row.to_email, name=row.to_name),
    )  # fmt: skip


def _domain(host: Host) -> str:
    return urlsplit(host.settings.public_url).hostname or "localhost"


def _sender(host: Host, settings: EmailSettings) -> Address:
    domain = _domain(host)
    named = domain[-1:].isalpha() and ":" not in domain  # no mailbox is at a bare address
    fallback = f"no-reply@{domain if named else 'localhost'}"
    products = host.registry.products
    name = settings.sender_name or (products[0].name if products else "MuseKit")
    return Address(email=settings.sender or fallback, name=name)


def _ring_after_commit(session: Session, host: Host) -> None:
    if "musekit_mail" in session.info:
        return
    session.info["musekit_mail"] = True

    @event.listens_for(session, "after_commit")
    def _ring(session: Session) -> None:
        if not session.in_nested_transaction():
            host.broker.enqueue(JOB)
