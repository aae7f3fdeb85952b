"""The outbox, as the operator sees it: what was written, what became of it; and once more."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from musekit.email import outbox
from musekit.email.models import OutboxMail
from musekit.email.outbox import OPEN
from musekit.errors import NotFoundError
from musekit.kernel.host import Host
from musekit.kernel.listing import Listed, holding, newest_first

#: Failed mails sent again by one click.
AT_ONCE = 200
State = Literal["all", "waiting", "sent", "failed", "suppressed"]
_STATES: dict[str, tuple[str, ...]] = {
    "waiting": OPEN, "sent": ("sent",), "failed": ("failed",), "suppressed": ("suppressed",),
}  # fmt: skip


def page(
    session: Session, host: Host, *, search: str = "", state: State = "all", after: str = ""
) -> Listed[OutboxMail]:
    """Return mails to addresses that hold a text, the newest first. Runs as the system."""
    query = select(OutboxMail)
    if state in _STATES:
        query = query.where(OutboxMail.state.in_(_STATES[state]))
    query = query.where(*holding(search, OutboxMail.to_email))
    return newest_first(session, host, query, OutboxMail.created_at, OutboxMail.id, after=after)


def counts(session: Session) -> dict[str, int]:
    """Return how many mails are in which state."""
    rows: Any = session.execute(
        select(OutboxMail.state, func.count()).group_by(OutboxMail.state)
    ).all()
    found = {state: int(number) for state, number in rows}
    return {name: sum(found.get(each, 0) for each in states) for name, states in _STATES.items()}


def one(session: Session, mail_id: UUID) -> OutboxMail:
    """Return a mail; NotFoundError if there is none."""
    row = session.get(OutboxMail, mail_id)
    if row is None:
        raise NotFoundError("There is no such mail, or it was swept away.")
    return row


def retry_failed(session: Session) -> int:
    """Send failed mails again from now on, the newest `AT_ONCE` of them; return how many."""
    return outbox.retry_all(session, outbox.failed(session, AT_ONCE))


def may_be_read(row: OutboxMail) -> bool:
    """True where the outbox is the mailbox: nothing else has sent the mail, and nothing will.

    A mail that goes out may hold a link that opens its reader's account; it is not for the
    operator's eyes.
    """
    return row.provider == "outbox" and row.body_encrypted is not None
