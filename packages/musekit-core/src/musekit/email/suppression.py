"""Mailboxes that get no mail: of one kind, because their owner said so, or none at all."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from musekit.email.models import Suppression
from musekit.kernel.database.types import utc_now

#: In place of a category: mail of every kind.
EVERYTHING = "*"
Reason = Literal["bounce", "complaint", "unsubscribed", "operator"]


def covers(session: Session, email_key: str, category: str) -> bool:
    """True if no mail of this category is to be sent to a mailbox."""
    found = session.scalar(
        select(Suppression.category)
        .where(Suppression.email_key == email_key, Suppression.category.in_((EVERYTHING, category)))
        .limit(1)
    )
    return found is not None


def add(session: Session, email_key: str, category: str, reason: Reason, detail: str = "") -> None:
    """Send a mailbox no more mail of a category; what is known already stays as it is.

    But for a complaint, which takes the place of a bounce: whoever complains has read it.
    """
    dialect = session.get_bind().dialect.name
    insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    row = insert(Suppression).values(
        email_key=email_key, category=category, reason=reason, detail=detail[:300],
        created_at=utc_now(),
    )  # fmt: skip
    known = ["email_key", "category"]
    if reason == "complaint":
        session.execute(row.on_conflict_do_update(
            index_elements=known, set_={"reason": reason, "detail": detail[:300]},
            where=Suppression.reason == "bounce",
        ))  # fmt: skip
    else:
        session.execute(row.on_conflict_do_nothing(index_elements=known))


def remove(session: Session, email_key: str, category: str) -> None:
    """Let a mailbox have mail of a category again."""
    session.execute(
        delete(Suppression).where(
            Suppression.email_key == email_key, Suppression.category == category
        )
    )
