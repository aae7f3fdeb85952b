"""Counts in the database: shared by all processes, and kept when they end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import BigInteger, Text, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from musekit.kernel.actors import Actor
from musekit.kernel.database.models import Base, SystemOnly
from musekit.kernel.ratelimit.window import Verdict, judge

if TYPE_CHECKING:
    from musekit.kernel.database.session import Database

_SYSTEM = Actor.system("limits")


class RateCounter(Base, SystemOnly):
    """Hits of one scope within one window; `window` is the number of the window since 1970."""

    __tablename__ = "rate_counters"

    scope: Mapped[str] = mapped_column(Text, primary_key=True)
    window: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    hits: Mapped[int]
    #: Unix seconds after which the row counts for nothing.
    expires: Mapped[int] = mapped_column(BigInteger, index=True)


def hit(
    session: Session, scope: str, limit: int, window_seconds: int, *, now: float | None = None
) -> Verdict:
    """Count one try of a scope; refuse it when the sliding window is full.

    Open a unit of work of its own for this, as the system, and let it commit before the work that
    is limited: a failure of that work must not take its try back.

    Args:
        scope: what is limited, such as ``sign-in:address:203.0.113.5``; hash e-mail addresses.
        limit: tries allowed within any `window_seconds` (estimated from two fixed windows).
        now: Unix seconds, for tests.

    Raises:
        LimitReachedError: with ``Retry-After``. The refused try is not counted (its unit of work
            rolls back), so that hammering does not lock anybody out for longer.
    """
    moment = time.time() if now is None else now
    return _count(session, scope, limit, window_seconds, moment).demand()


def count(database: Database, scope: str, limit: int, window_seconds: int) -> Verdict:
    """Count one try in a unit of work of its own, unless it is refused; return the verdict."""
    with database.session(_SYSTEM) as session:
        verdict = _count(session, scope, limit, window_seconds, time.time())
        if not verdict.allowed:
            session.rollback()
    return verdict


def _count(session: Session, scope: str, limit: int, seconds: int, moment: float) -> Verdict:
    window = int(moment // seconds)
    assert session.bind is not None
    insert: Any = postgresql.insert if session.bind.dialect.name == "postgresql" else sqlite.insert
    row = insert(RateCounter).values(
        scope=scope, window=window, hits=1, expires=(window + 2) * seconds
    )
    # The row lock of the upsert makes tries at the same moment wait for one another.
    current = session.scalar(
        row.on_conflict_do_update(
            index_elements=["scope", "window"], set_={"hits": RateCounter.hits + 1}
        ).returning(RateCounter.hits)
    )
    previous = session.scalar(
        select(RateCounter.hits).where(RateCounter.scope == scope, RateCounter.window == window - 1)
    )
    return judge(cast("int", current), previous or 0, limit, seconds, moment)


def forget(session: Session, scope: str) -> None:
    """Drop a scope's counters, as after a sign-in that worked."""
    session.execute(delete(RateCounter).where(RateCounter.scope == scope))


def sweep(session: Session, *, now: float | None = None) -> None:
    """Delete counters that count for nothing any more."""
    moment = int(time.time() if now is None else now)
    session.execute(delete(RateCounter).where(RateCounter.expires < moment))
