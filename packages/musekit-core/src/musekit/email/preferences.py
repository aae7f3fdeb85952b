"""What a person wants mail about, and whether their mailbox takes any.

What somebody does not want is kept by mailbox, as bounces and complaints are
(`musekit.email.suppression`): one look before sending answers for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from musekit.auth.models import User
from musekit.email import service, suppression
from musekit.email.models import OutboxMail, Suppression
from musekit.email.outbox import OPEN
from musekit.errors import ConflictError, NotFoundError
from musekit.kernel.host import Host

#: What people call the kinds of mail that the core and its products send; others by their key.
_LABELS = {"usage": "Limits of your plan", "product": "What your products have to tell"}
#: Reasons that the person may take back, by reading their mail or by asking for it.
_THEIRS = ("bounce", "complaint")


class Kind(NamedTuple):
    """Mails that one can do without, which are wanted or not together."""

    category: str
    label: str
    mails: list[str]
    wanted: bool


def kinds(session: Session, host: Host, user: User) -> list[Kind]:
    """Return the kinds of mail that a person may choose about. Runs as the system."""
    found: dict[str, list[str]] = {}
    for each in host.registry.email_templates.values():
        if each.category not in service.ALWAYS:
            found.setdefault(each.category, []).append(each.label)
    unwanted = set(
        session.scalars(select(Suppression.category).where(Suppression.email_key == user.email_key))
    )
    return sorted(
        Kind(key, label_of(key), sorted(mails), key not in unwanted) for key, mails in found.items()
    )


def label_of(category: str) -> str:
    """Return what people call a kind of mail."""
    return _LABELS.get(category) or category.replace("-", " ").capitalize()


def choose(session: Session, host: Host, user: User, wanted: Mapping[str, bool]) -> None:
    """Keep which kinds a person wants; those that are not named stay as they are.

    Raises:
        NotFoundError: no mail is of a kind that is named, or it cannot be done without.
    """
    known = {each.category for each in kinds(session, host, user)}
    if unknown := wanted.keys() - known:
        raise NotFoundError(f"There is no kind of mail “{min(unknown)[:50]}” to choose about.")
    for category, yes in wanted.items():
        if yes:
            session.execute(
                delete(Suppression).where(
                    Suppression.email_key == user.email_key, Suppression.category == category,
                    Suppression.reason == "unsubscribed",
                )
            )  # fmt: skip
        else:
            suppression.add(session, user.email_key, category, "unsubscribed")


def shut(session: Session, user: User) -> Suppression | None:
    """Return why a person's mailbox gets nothing at all, if so."""
    return session.get(Suppression, (user.email_key, suppression.EVERYTHING))


def may_reopen(user: User, row: Suppression) -> bool:
    """Say whether the person may have mail sent there again.

    Who complained may be somebody else than who signed up with the address.
    """
    proven = user.email_verified_at is not None
    return row.reason == "bounce" or (row.reason == "complaint" and proven)


def reopen(session: Session, host: Host, user: User) -> UUID | None:
    """Send mail to a person's mailbox again, beginning with one for a try.

    Returns:
        The id of that mail; None if the mailbox was open.

    Raises:
        ConflictError: it is not for them to decide.
    """
    row = shut(session, user)
    if row is None:
        return None
    if not may_reopen(user, row):
        raise ConflictError("Only who runs this site can let mail go to this address again.")
    suppression.remove(session, user.email_key, suppression.EVERYTHING)
    return service.queue(session, host, "mail-works", to=user, context={"to": user.email})


def move(session: Session, old_key: str, new_key: str) -> None:
    """Take a person's choices along to their new address."""
    rows = session.scalars(
        select(Suppression.category).where(
            Suppression.email_key == old_key, Suppression.reason == "unsubscribed"
        )
    ).all()
    for category in rows:
        suppression.add(session, new_key, category, "unsubscribed")
        suppression.remove(session, old_key, category)


def forget(session: Session, user: User) -> None:
    """Delete a person's choices and settled mails; what shuts the mailbox itself stays."""
    session.execute(
        delete(Suppression).where(
            Suppression.email_key == user.email_key, Suppression.reason == "unsubscribed"
        )
    )
    session.execute(
        delete(OutboxMail).where(OutboxMail.user_id == user.id, OutboxMail.state.not_in(OPEN))
    )


def export(session: Session, user_id: UUID) -> dict[str, Any]:
    """Return what is kept of a person's mail, JSON-ready; no text of any."""
    user = session.get_one(User, user_id)
    mails = session.scalars(
        select(OutboxMail)
        .where(OutboxMail.user_id == user_id)
        .order_by(OutboxMail.created_at, OutboxMail.id)
    )
    silent = session.scalars(select(Suppression).where(Suppression.email_key == user.email_key))
    return {
        "mails": [
            {"subject": each.subject, "to": each.to_email, "state": each.state,
             "created_at": each.created_at.isoformat()} for each in mails
        ],
        "no_mail_of": [
            {"kind": each.category, "reason": each.reason, "since": each.created_at.isoformat()}
            for each in silent
        ],
    }  # fmt: skip
