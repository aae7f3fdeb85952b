"""The audit log, as the operator reads it: filtered, with the names of who acted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, false, or_, select
from sqlalchemy.orm import Session

from musekit.admin.users import addresses
from musekit.audit.models import AuditEntry
from musekit.auth.models import User
from musekit.errors import NotFoundError
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.listing import Listed, holding, newest_first, words

Span = Literal["always", "day", "week", "month"]
_DAYS = {"day": 1, "week": 7, "month": 31}
#: Entries shown on a person's page.
FEW = 8


class Entry(NamedTuple):
    """An entry, with the addresses of those who acted; empty where they are gone."""

    row: AuditEntry
    who: str
    behind: str  #: the operator who acted as that person


def page(
    session: Session, host: Host, *, search: str = "", who: str = "", span: Span = "always",
    after: str = "",
) -> Listed[Entry]:  # fmt: skip
    """Return entries, the newest first. Runs as the system.

    Args:
        search: part of an action, or of what it was done to.
        who: the address or id of who acted, themselves or as somebody else.
    """
    query = select(AuditEntry).where(
        *holding(search, AuditEntry.action, AuditEntry.target_kind, AuditEntry.target_id),
        *_by(session, who),
    )
    if span in _DAYS:
        query = query.where(AuditEntry.at > utc_now() - timedelta(days=_DAYS[span]))
    found = newest_first(session, host, query, AuditEntry.at, AuditEntry.id, after=after)
    return Listed(items=_named(session, found.items), next=found.next)


def about(session: Session, host: Host, user_id: UUID) -> Sequence[Entry]:
    """Return the newest entries by a user, or of what was done to them."""
    found = newest_first(
        session, host,
        select(AuditEntry).where(
            or_(
                AuditEntry.actor_user_id == user_id,
                (AuditEntry.target_kind == "user") & (AuditEntry.target_id == str(user_id)),
            )
        ),
        AuditEntry.at, AuditEntry.id, size=FEW,
    )  # fmt: skip
    return _named(session, found.items)


def one(session: Session, entry_id: UUID) -> Entry:
    """Return an entry; NotFoundError if there is none."""
    row = session.get(AuditEntry, entry_id)
    if row is None:
        raise NotFoundError("There is no such entry, or it was swept away.")
    return _named(session, [row])[0]


def _by(session: Session, who: str) -> list[ColumnElement[bool]]:
    text = words(who)
    if not text:
        return []
    try:
        user_id: UUID | None = UUID(text)
    except ValueError:
        user_id = session.scalar(select(User.id).where(User.email_key == text.casefold()))
    if user_id is None:
        return [false()]
    return [or_(AuditEntry.actor_user_id == user_id, AuditEntry.impersonator_id == user_id)]


def _named(session: Session, rows: Sequence[Any]) -> list[Entry]:
    ids = {each for row in rows for each in (row.actor_user_id, row.impersonator_id) if each}
    known = addresses(session, ids)
    return [
        Entry(
            row,
            known.get(row.actor_user_id, ""),
            known.get(row.impersonator_id, ""),
        )
        for row in rows
    ]
