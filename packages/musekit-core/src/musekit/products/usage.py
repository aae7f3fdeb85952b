"""How much a space uses, counted in the caller's transaction so that no cap is ever passed.

A count is of a metric in a period: a day (``2026-11-23``) or a month (``2026-11``) in the zone of
the space. `take` counts at once. Work whose cost is known only when it is done first `reserve`s,
then `commit`s what it was; what is neither committed nor released is given back when it expires.

Rows are locked in one order, so that two units of work never wait for each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, and_, case, delete, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from musekit.kernel.database.types import db_after, db_now
from musekit.kernel.ids import new_id
from musekit.products.models import UsageCounter, UsageReservation
from musekit.products.refusing import Take, periods, refuse, resets_at
from musekit.products.tiers import Allowance

__all__ = [
    "Take", "commit", "give_back", "move", "periods", "release", "reserve", "resets_at", "sweep",
    "take", "used",
]  # fmt: skip

Message = Callable[[Take, int], str]
#: From this share of a limit on the owner is told.
WARN_AT = 0.8
#: Seconds after its expiry that a reservation can still say what it was for.
REMEMBERED = 86_400


def take(
    session: Session,
    space_id: UUID,
    product: str,
    takes: Sequence[Take],
    allowed: Allowance,
    *,
    message: Message | None = None,
) -> None:
    """Count amounts, all of them or none once the caller rolls back.

    Args:
        session: of the actor, or of the system.
        takes: what is taken, in any order; each amount is 1 or more.
        allowed: the space's tier, looked up before this unit of work (`tiers.allowance`).
        message: what to say of the first that is refused, given it and how much is used.

    Raises:
        LimitReachedError: a cap would be passed. Roll back, for others may be counted already.
    """
    _add(session, space_id, product, takes, allowed, column="used", message=message)


def give_back(session: Session, space_id: UUID, product: str, takes: Iterable[Take]) -> None:
    """Take amounts back out of the counts; below 0 none goes."""
    for each in _ordered(takes):
        _change(session, space_id, product, each.metric, [each.period], used=-each.amount)


def move(
    session: Session,
    space_id: UUID,
    product: str,
    takes: Sequence[Take],
    allowed: Allowance,
    *,
    back: Iterable[Take],
    message: Message | None = None,
) -> None:
    """Take amounts and give others back, as when work is put off to another day.

    What is both given back and taken stays as it is, though its cap be passed since a downgrade.

    Raises:
        LimitReachedError: as for `take`.
    """
    for each in _ordered([*(each._replace(amount=-each.amount) for each in back), *takes]):
        if each.amount < 0:
            _change(session, space_id, product, each.metric, [each.period], used=each.amount)
        elif each.amount:
            _add(session, space_id, product, [each], allowed, column="used", message=message)


def reserve(
    session: Session,
    space_id: UUID,
    product: str,
    takes: Sequence[Take],
    allowed: Allowance,
    *,
    seconds: float,
    message: Message | None = None,
) -> UUID:
    """Set an amount of one metric aside for work that is about to begin; return its name.

    Args:
        takes: the same metric and amount, for one or more periods.
        seconds: after which it is given back if nothing was heard of it.

    Raises:
        LimitReachedError: a cap would be passed.
    """
    metrics, amounts = {each.metric for each in takes}, {each.amount for each in takes}
    if len(metrics) != 1 or len(amounts) != 1:
        raise ValueError("a reservation is of one metric and one amount")
    _add(session, space_id, product, takes, allowed, column="reserved", message=message)
    row = UsageReservation(
        id=new_id(), space_id=space_id, product=product, metric=metrics.pop(),
        periods=sorted(each.period for each in takes), amount=amounts.pop(),
        expires_at=db_after(seconds),
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row.id


def commit(session: Session, reservation: UUID, *, actual: int | None = None) -> bool:
    """Count what reserved work has used.

    Args:
        actual: how much; None: what was reserved. It is counted though it is more, for it is used.

    Returns:
        False if it had expired meanwhile and the cap may be passed: it is counted all the same,
        unless it is so long ago (a day) that nobody knows what it was for.
    """
    row = _ended(session, reservation)
    if row is None:
        return False
    amount = row.amount if actual is None else actual
    held = row.released_at is None
    _change(session, row.space_id, row.product, row.metric, row.periods, used=amount,
            reserved=-row.amount if held else 0)  # fmt: skip
    return held


def release(session: Session, reservation: UUID) -> None:
    """Give back what reserved work did not use; nothing happens if that was done already."""
    row = _ended(session, reservation)
    if row is not None and row.released_at is None:
        _change(session, row.space_id, row.product, row.metric, row.periods, reserved=-row.amount)


def used(
    session: Session, space_id: UUID, product: str, metric: str, periods: Sequence[str]
) -> dict[str, int]:
    """Return how much is used in each of some periods."""
    rows = session.execute(
        select(UsageCounter.period, UsageCounter.used).where(
            UsageCounter.space_id == space_id,
            UsageCounter.product == product,
            UsageCounter.metric == metric,
            UsageCounter.period.in_(periods),
        )
    )
    found = {row.period: row.used for row in rows}
    return {period: found.get(period, 0) for period in periods}


def sweep(session: Session) -> int:
    """Give back what has expired; return how many reservations. Runs as the system."""
    expired = session.scalars(
        update(UsageReservation)
        .where(UsageReservation.expires_at <= db_now(), UsageReservation.released_at.is_(None))
        .values(released_at=db_now())
        .returning(UsageReservation)
        .execution_options(synchronize_session=False)
    ).all()
    for row in sorted(expired, key=lambda each: (str(each.space_id), each.metric, each.periods)):
        _change(session, row.space_id, row.product, row.metric, row.periods, reserved=-row.amount)
    session.execute(
        delete(UsageReservation)
        .where(UsageReservation.expires_at <= db_after(-REMEMBERED))
        .execution_options(synchronize_session=False)
    )
    return len(expired)


def _add(
    session: Session,
    space_id: UUID,
    product: str,
    takes: Sequence[Take],
    allowed: Allowance,
    *,
    column: str,
    message: Message | None,
) -> None:
    """Add to counts within their caps, by one statement."""
    wanted = _ordered(takes)
    caps: dict[tuple[str, int], int | None] = {}
    fits = True
    for each in wanted:
        if each.amount < 1:
            raise ValueError("an amount is 1 or more")
        kind, limit = (each.metric, len(each.period)), allowed.limit(each.limit)
        if caps.setdefault(kind, limit) != limit:
            raise ValueError(f"{each.metric} has two limits for periods of one length")
        fits = fits and (limit is None or each.amount <= limit)  # it may not even be the first
    done = set()
    if wanted and fits:
        postgres = session.get_bind().dialect.name == "postgresql"
        rows = [
            {"space_id": space_id, "product": product, "metric": each.metric,
             "period": each.period, "used": 0, "reserved": 0, column: each.amount,
             "warn_at": _warn_at(caps[each.metric, len(each.period)])}
            for each in wanted
        ]  # fmt: skip
        counted = session.execute(_adding(postgres, column, tuple(caps.items())), rows)
        done = {(row.metric, row.period) for row in counted}
    for each in wanted:
        if (each.metric, each.period) not in done:
            now = used(session, space_id, product, each.metric, [each.period])[each.period]
            refuse(session, space_id, each, used=now, allowed=allowed, message=message)


def _warn_at(limit: int | None) -> int | None:
    return None if limit is None else math.ceil(WARN_AT * limit)


@lru_cache(maxsize=256)
def _adding(
    postgres: bool, column: str, caps: tuple[tuple[tuple[str, int], int | None], ...]
) -> Any:
    """Return the statement that adds to counts within their caps, and returns which it did.

    There is about one per tier; making it anew would cost as much as running it.

    Args:
        caps: metric and length of the period's name → limit.
    """
    statement: Any = (postgresql.insert if postgres else sqlite.insert)(UsageCounter)
    new = statement.excluded
    total = UsageCounter.used + UsageCounter.reserved + new.used + new.reserved
    within = [
        (
            and_(UsageCounter.metric == metric, func.length(UsageCounter.period) == length),
            total <= literal(limit, BigInteger),
        )
        for (metric, length), limit in caps
        if limit is not None
    ]
    return (
        statement.on_conflict_do_update(
            index_elements=["space_id", "product", "metric", "period"],
            set_={
                column: getattr(UsageCounter, column) + new[column], "warn_at": new.warn_at,
                # Who was told of one limit is told of a higher one, too.
                "warned_at": case((new.warn_at > UsageCounter.warn_at, None),
                                  else_=UsageCounter.warned_at),
            },
            where=case(*within, else_=True) if within else None,
        )
        .returning(UsageCounter.metric, UsageCounter.period)
        .execution_options(render_nulls=True)
    )  # fmt: skip


def _change(
    session: Session,
    space_id: UUID,
    product: str,
    metric: str,
    periods: Iterable[str],
    *,
    used: int = 0,
    reserved: int = 0,
) -> None:
    """Add to counts whatever their caps, a period after the other; below 0 none goes."""
    for period in sorted(periods):
        session.execute(
            update(UsageCounter)
            .where(
                UsageCounter.space_id == space_id,
                UsageCounter.product == product,
                UsageCounter.metric == metric,
                UsageCounter.period == period,
            )
            .values(
                used=_at_least_0(UsageCounter.used + used),
                reserved=_at_least_0(UsageCounter.reserved + reserved),
            )
            .execution_options(synchronize_session=False)
        )


def _at_least_0(value: ColumnElement[int]) -> ColumnElement[int]:
    return case((value < 0, 0), else_=value)


def _ended(session: Session, reservation: UUID) -> UsageReservation | None:
    """Take a reservation away and return it: of two that end it, one does."""
    return session.scalars(
        delete(UsageReservation)
        .where(UsageReservation.id == reservation)
        .returning(UsageReservation)
        .execution_options(synchronize_session=False)
    ).one_or_none()


def _ordered(takes: Iterable[Take]) -> list[Take]:
    """Return them in the order of locking, those of one row added up."""
    merged: dict[tuple[str, str], Take] = {}
    for each in sorted(takes):
        known = merged.get((each.metric, each.period))
        amount = each.amount + (known.amount if known else 0)
        merged[each.metric, each.period] = each._replace(amount=amount)
    return list(merged.values())
