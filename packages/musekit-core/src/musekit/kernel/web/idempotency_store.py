"""What is kept for ``Idempotency-Key``: claim before the work, finish or release after it.

Each function is one short unit of work of the system's; the edge opens and commits it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from musekit.errors import ConflictError, InvalidError
from musekit.kernel.database.types import db_now
from musekit.kernel.ids import new_id
from musekit.kernel.web.idempotency_models import IdempotencyRecord as Record

#: How long an answer is replayed.
KEEP = timedelta(hours=24)
#: How long a claim holds without an end: then its process has died, and the key is free again.
LEASE = timedelta(seconds=120)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request with a key: whose it is, where it goes, and what it says."""

    space_id: UUID
    user_id: UUID
    method: str
    path: str
    key: str
    fingerprint: bytes  #: SHA-256 of query and body


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a request was answered. ``body`` None: it may not be, or was not, kept."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None


def claim(session: Session, ask: Ask) -> UUID | Answer:
    """Claim the key for the work; return the claim's holder id, or the answer given before.

    Raises:
        ConflictError: a twin is being worked on; with ``Retry-After``.
        InvalidError: the key was used for another request.
    """
    now = session.scalars(select(db_now())).one()
    fresh: dict[str, Any] = {
        "fingerprint": ask.fingerprint, "holder": new_id(), "lease_until": now + LEASE,
        "expires_at": now + KEEP, "status": None, "headers": None, "body": None,
    }  # fmt: skip
    assert session.bind is not None
    insert: Any = postgresql.insert if session.bind.dialect.name == "postgresql" else sqlite.insert
    place = {
        "space_id": ask.space_id, "user_id": ask.user_id,
        "method": ask.method, "path": ask.path, "key": ask.key,
    }  # fmt: skip
    row = insert(Record).values(id=new_id(), **place, **fresh)
    row = row.on_conflict_do_nothing(index_elements=list(place)).returning(Record.id)
    if session.execute(row).first() is not None:
        return UUID(str(fresh["holder"]))
    known = session.scalars(
        select(Record).filter_by(**place).execution_options(populate_existing=True)
    ).one_or_none()
    if known is None:  # released between the two statements: its work came to nothing
        raise _in_flight(1)
    if known.expires_at > now:
        if known.fingerprint != ask.fingerprint:
            raise InvalidError(
                "This Idempotency-Key was used for another request in the last 24 hours. Nothing"
                " was done. Use a new key for each new request.",
                code="idempotency-key-reused",
            )
        if known.status is not None:
            return Answer(status=known.status, headers=known.headers or {}, body=known.body)
        if known.lease_until > now:
            raise _in_flight(2)
    taken = update(Record).where(Record.id == known.id, Record.holder == known.holder)
    if not _changed(session, taken.values(**fresh)):
        raise _in_flight(1)
    return UUID(str(fresh["holder"]))


def finish(session: Session, holder: UUID, answer: Answer) -> None:
    """Keep the answer for repeats, unless the claim has passed to somebody else meanwhile."""
    session.execute(
        update(Record)
        .where(Record.holder == holder)
        .values(status=answer.status, headers=dict(answer.headers), body=answer.body)
    )


def release(session: Session, holder: UUID) -> None:
    """Give the key back: the work was refused or failed, so it may be tried again with it."""
    session.execute(delete(Record).where(Record.holder == holder, Record.status.is_(None)))


def sweep(session: Session) -> int:
    """Delete what is no longer replayed; return how many."""
    result = session.execute(delete(Record).where(Record.expires_at < db_now()))
    assert isinstance(result, CursorResult)
    return result.rowcount


def _changed(session: Session, statement: Any) -> bool:
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def _in_flight(seconds: int) -> ConflictError:
    return ConflictError(
        "The same request is being worked on at this moment. Nothing was done twice. Repeat it"
        " with the same key to get its answer.",
        headers={"Retry-After": str(seconds)},
    )
