"""The outbox as a queue: mails are claimed for a while, tried, and their outcome is recorded.

Each function is one unit of work of the system, opened by its caller. A mail is nobody's twice: a
claim holds it under a lease, and only the lease's owner sends and records. A lease that ran out
while its mail was being sent leaves open whether it was: it is sent again, as the same message.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CursorResult, delete, or_, select, update
from sqlalchemy.orm import Session

from musekit.auth.accounts import email_key
from musekit.email import suppression
from musekit.email.models import OutboxMail
from musekit.email.settings import EmailSettings
from musekit.email.transports import Outcome
from musekit.kernel.database.conditions import one_of
from musekit.kernel.database.types import db_after, db_now, utc_now

#: States in which a mail still is to be sent.
OPEN = ("queued", "sending")
#: Longest wait between two tries, in seconds.
LONGEST_WAIT = 3600.0


def waiting(session: Session, only: UUID | None = None) -> bool:
    """True if a mail is due."""
    return session.scalar(select(OutboxMail.id).where(*_due(only)).limit(1)) is not None


def due_in(session: Session) -> float | None:
    """Return seconds until the next mail is due, by the database's clock; None: none waits."""
    row = session.execute(
        select(OutboxMail.next_attempt_at, db_now())
        .where(one_of(OutboxMail.state, OPEN))
        .order_by(OutboxMail.next_attempt_at)
        .limit(1)
    ).one_or_none()
    return None if row is None else (row[0] - row[1]).total_seconds()


def claim(
    session: Session, owner: UUID, count: int, seconds: float, only: UUID | None = None
) -> Sequence[OutboxMail]:
    """Take mails that are due, the longest waiting first, under a lease.

    Args:
        owner: the lease's name; another for each claim.
        count: how many at most.
        seconds: the lease's time.
        only: a mail; no other is taken.
    """
    due = (
        select(OutboxMail.id).where(*_due(only)).order_by(OutboxMail.next_attempt_at, OutboxMail.id)
    )
    ids = session.scalars(due.limit(count).with_for_update(skip_locked=True)).all()
    if not ids:
        return []
    rows = session.scalars(
        update(OutboxMail)
        .where(OutboxMail.id.in_(ids))
        .values(
            uncertain=or_(OutboxMail.uncertain, OutboxMail.state == "sending"), state="queued",
            lease_owner=owner, lease_until=db_after(seconds), next_attempt_at=db_after(seconds),
        )
        .returning(OutboxMail)
        .execution_options(synchronize_session=False)
    ).all()  # fmt: skip
    return sorted(rows, key=lambda row: (row.created_at, row.id))


def begin(session: Session, owner: UUID, mail_id: UUID) -> int:
    """Note that a claimed mail is about to be sent; return the number of the try.

    Committed before the first byte leaves, so that whoever finds the mail in this state knows that
    it may have been sent. 0: the lease is another's by now, as after this process was frozen for a
    while; it must not be sent here.
    """
    return (
        session.scalar(
            _of(owner, [mail_id])
            .where(OutboxMail.lease_until > db_now())
            .values(state="sending", attempts=OutboxMail.attempts + 1)
            .returning(OutboxMail.attempts)
        )
        or 0
    )


def silence(session: Session, owner: UUID, row: OutboxMail) -> bool:
    """Settle a claimed mail whose mailbox wants none by now; False if it may be sent.

    Between writing and sending there can be days: a mailbox bounces, a person has enough.
    """
    if not suppression.covers(session, email_key(row.to_email), row.category):
        return False
    session.execute(
        _of(owner, [row.id]).values(
            state="suppressed", body_encrypted=None, lease_owner=None, lease_until=None
        )
    )
    return True


def release(
    session: Session, owner: UUID, ids: Sequence[UUID], *, after: float = 0.0, why: str = ""
) -> None:
    """Give back mails that were claimed and not tried.

    Args:
        after: seconds until they are due again.
        why: what kept them from being tried, if something did.
    """
    values: dict[str, Any] = {
        "state": "queued", "next_attempt_at": db_after(after), "lease_owner": None,
        "lease_until": None,
    }  # fmt: skip
    session.execute(_of(owner, ids).values(values | ({"last_error": why} if why else {})))


def give_up(session: Session, settings: EmailSettings) -> int:
    """Settle mails that could not be sent in their time, tried or not; return how many.

    While the way out is shut only one mail of many is tried at a time, so the others' time runs
    out here. What no worker has looked at yet is left, however old it is.
    """
    result = session.execute(
        update(OutboxMail)
        .where(
            OutboxMail.state == "queued", OutboxMail.lease_owner.is_(None),
            OutboxMail.last_error.is_not(None),
            OutboxMail.created_at < utc_now() - timedelta(hours=settings.retry_hours),
        )
        .values(state="failed")
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    assert isinstance(result, CursorResult)
    return result.rowcount


def record(
    session: Session,
    owner: UUID,
    row: OutboxMail,
    outcome: Outcome,
    *,
    provider: str,
    keeps: bool,
    settings: EmailSettings,
) -> bool:
    """Write down what came of a try; False if the lease was another's by then.

    Args:
        row: as claimed, with the number of the try.
        provider: the way it was tried.
        keeps: the text stays after it was sent.
    """
    values: dict[str, Any] = {
        "provider": provider, "last_error": outcome.detail or None, "lease_owner": None,
        "lease_until": None,
    }  # fmt: skip
    if outcome.kind == "accepted":
        values |= {
            "state": "sent", "sent_at": utc_now(), "last_error": None,
            "provider_ref": outcome.reference or None,
        }  # fmt: skip
        if not keeps:  # it may hold a link that opens an account
            values["body_encrypted"] = None
    elif outcome.kind == "refused" or _too_old(row, settings):
        values["state"] = "failed"
    else:
        seconds = max(outcome.wait, wait(row.attempts, settings))
        values |= {"state": "queued", "next_attempt_at": db_after(seconds)}
    if outcome.kind == "unknown":
        values["uncertain"] = True
    result = session.execute(_of(owner, [row.id]).values(**values))
    assert isinstance(result, CursorResult)
    if outcome.bounced and result.rowcount:
        suppression.add(
            session, email_key(row.to_email), suppression.EVERYTHING, "bounce", outcome.detail
        )
    return result.rowcount == 1


def failed(session: Session, most: int | None = None) -> Sequence[UUID]:
    """Return the mails that can be sent again without a thought, the newest first.

    Not those that may have arrived: whether such a mail goes again is decided for it alone.
    """
    return session.scalars(
        select(OutboxMail.id)
        .where(
            OutboxMail.state == "failed", OutboxMail.body_encrypted.is_not(None),
            OutboxMail.uncertain.is_(False),
        )
        .order_by(OutboxMail.created_at.desc(), OutboxMail.id.desc())
        .limit(most)
    ).all()  # fmt: skip


def retry(session: Session, mail_id: UUID) -> bool:
    """Send a failed mail again from now on; False if it has not failed, or has lost its text."""
    return retry_all(session, [mail_id]) == 1


def retry_all(session: Session, mail_ids: Sequence[UUID]) -> int:
    """Do the same with several mails; return how many are sent again."""
    result = session.execute(
        update(OutboxMail)
        .where(
            OutboxMail.id.in_(mail_ids), OutboxMail.state == "failed",
            OutboxMail.body_encrypted.is_not(None),
        )
        .values(state="queued", attempts=0, created_at=utc_now(), next_attempt_at=db_now())
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    assert isinstance(result, CursorResult)
    return result.rowcount


def sweep(session: Session, days: int) -> int:
    """Delete mails that were settled so many days ago; return how many."""
    result = session.execute(
        delete(OutboxMail).where(
            OutboxMail.state.not_in(OPEN), OutboxMail.created_at < utc_now() - timedelta(days=days)
        )
    )
    assert isinstance(result, CursorResult)
    return result.rowcount


def wait(attempts: int, settings: EmailSettings) -> float:
    """Return seconds until the next try: a random share of a time that doubles with each."""
    longest = min(LONGEST_WAIT, settings.retry_seconds * 2 ** min(attempts - 1, 20))
    return random.uniform(0, longest)  # noqa: S311 - spreading load


def _too_old(row: OutboxMail, settings: EmailSettings) -> bool:
    return utc_now() - row.created_at >= timedelta(hours=settings.retry_hours)


def _due(only: UUID | None) -> tuple[Any, ...]:
    due = (one_of(OutboxMail.state, OPEN), OutboxMail.next_attempt_at <= db_now())
    return due if only is None else (*due, OutboxMail.id == only)


def _of(owner: UUID, ids: Sequence[UUID]) -> Any:
    return (
        update(OutboxMail)
        .where(
            OutboxMail.id.in_(ids), one_of(OutboxMail.state, OPEN), OutboxMail.lease_owner == owner
        )
        .execution_options(synchronize_session=False)
    )
