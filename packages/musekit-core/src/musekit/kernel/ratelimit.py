"""Rate limits by sliding window: durable counters in the database, and quick ones in memory."""

from __future__ import annotations

import threading
import time
from typing import Any, cast

from sqlalchemy import BigInteger, Text, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from musekit.errors import LimitReachedError
from musekit.kernel.database.models import Base

MESSAGE = "Too many tries. Nothing was changed; wait {seconds} seconds, then try again."


class RateCounter(Base):
    """Hits of one scope within one window; `window` is the number of the window since 1970."""

    __tablename__ = "rate_counters"

    scope: Mapped[str] = mapped_column(Text, primary_key=True)
    window: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    hits: Mapped[int]
    #: Unix seconds after which the row counts for nothing.
    expires: Mapped[int] = mapped_column(BigInteger, index=True)


def hit(
    session: Session, scope: str, limit: int, window_seconds: int, *, now: float | None = None
) -> None:
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
    window = int(moment // window_seconds)
    assert session.bind is not None
    insert: Any = postgresql.insert if session.bind.dialect.name == "postgresql" else sqlite.insert
    row = insert(RateCounter).values(
        scope=scope, window=window, hits=1, expires=(window + 2) * window_seconds
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
    _judge(cast("int", current), previous or 0, limit, window_seconds, moment)


def forget(session: Session, scope: str) -> None:
    """Drop a scope's counters, as after a sign-in that worked."""
    session.execute(delete(RateCounter).where(RateCounter.scope == scope))


def sweep(session: Session, *, now: float | None = None) -> None:
    """Delete counters that count for nothing any more."""
    moment = int(time.time() if now is None else now)
    session.execute(delete(RateCounter).where(RateCounter.expires < moment))


class MemoryLimiter:
    """The same rule in this process's memory: for reads, where losing a count does no harm."""

    def __init__(self, *, scopes: int = 100_000) -> None:
        self._scopes = scopes
        self._hits: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()

    def hit(self, scope: str, limit: int, window_seconds: int, *, now: float | None = None) -> None:
        """Count one try; raise `LimitReachedError` when the window is full."""
        moment = time.time() if now is None else now
        window = int(moment // window_seconds)
        with self._lock:
            if len(self._hits) >= self._scopes:
                self._hits.clear()  # bounded memory; forgetting errs on the side of serving
            current = self._hits.get((scope, window), 0) + 1
            previous = self._hits.get((scope, window - 1), 0)
            self._hits.pop((scope, window - 2), None)
            _judge(current, previous, limit, window_seconds, moment)
            self._hits[scope, window] = current


def _judge(current: int, previous: int, limit: int, window_seconds: int, moment: float) -> None:
    """Raise if the tries of the last `window_seconds`, estimated, are more than `limit`."""
    passed = moment % window_seconds / window_seconds
    if current + previous * (1 - passed) <= limit:
        return
    if current > limit:
        # Room comes in the next window, once enough of this one has slid out of sight.
        share = 1 - passed + max(0.0, 1 - (limit - 1) / max(current - 1, 1))
    else:
        share = max(0.0, 1 - (limit - current) / max(previous, 1) - passed)
    wait = max(1.0, share * window_seconds)
    raise LimitReachedError(MESSAGE.format(seconds=round(wait)), retry_after=wait)
