"""The ledger of calls: one row each, begun before the call and ended after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Select, func, literal_column, select, update
from sqlalchemy.orm import Session

from musekit.ai.models import AICallRecord
from musekit.ai.results import Source
from musekit.kernel.database.types import db_after, utc_now
from musekit.providers import AICall, Usage

State = Literal["done", "failed", "cut"]
#: Days that are added up for those who look at what calls cost.
DAYS = 30


def begin(
    session: Session,
    call_id: UUID,
    call: AICall,
    *,
    space_id: UUID,
    organization_id: UUID | None,
    user_id: UUID | None,
    provider: str,
    model: str,
    source: Source,
    own_key: bool,
) -> None:
    """Write down that a call begins. Runs as the system."""
    session.add(
        AICallRecord(
            id=call_id, in_space_id=space_id, in_organization_id=organization_id, user_id=user_id,
            product=call.product, purpose=call.purpose, provider=provider, model=model,
            source=source, own_key=own_key, state="started",
        )
    )  # fmt: skip


def end(
    session: Session,
    call_id: UUID,
    state: State,
    *,
    usage: Usage | None = None,
    cost_micros: int | None = None,
    error_class: str | None = None,
    first_token_ms: int | None = None,
    duration_ms: int | None = None,
) -> bool:
    """Write down how a call ended; False if that was done already. Runs as the system."""
    ended = session.execute(
        update(AICallRecord)
        .where(AICallRecord.id == call_id, AICallRecord.state == "started")
        .values(
            state=state, error_class=error_class, cost_micros=cost_micros,
            input_tokens=usage.input_tokens if usage else None,
            output_tokens=usage.output_tokens if usage else None,
            request_id=(usage.request_id[:200] or None) if usage else None,
            first_token_ms=first_token_ms, duration_ms=duration_ms, finished_at=utc_now(),
        )
        .returning(AICallRecord.id)
    )  # fmt: skip
    return ended.one_or_none() is not None


def end_lost(session: Session, seconds: float) -> int:
    """End calls whose process was killed: begun so long ago that they cannot go on any more."""
    ended = session.execute(
        update(AICallRecord)
        .where(AICallRecord.state == "started", AICallRecord.started_at <= db_after(-seconds))
        .values(state="cut", error_class="Lost", finished_at=utc_now())
        .returning(AICallRecord.id)
        .execution_options(synchronize_session=False)
    )
    return len(ended.all())


def calls(space_id: UUID | None = None) -> Select[AICallRecord]:
    """Return the query of calls, of one space or (as the system) of all."""
    query = select(AICallRecord)
    return query if space_id is None else query.where(AICallRecord.in_space_id == space_id)


def of_user(session: Session, user_id: UUID) -> list[dict[str, Any]]:
    """Return a user's calls, ready for JSON. Runs as the system."""
    rows = session.scalars(
        select(AICallRecord)
        .where(AICallRecord.user_id == user_id)
        .order_by(AICallRecord.started_at, AICallRecord.id)
    )
    return [
        {
            "id": str(row.id), "space_id": str(row.in_space_id), "purpose": row.purpose,
            "provider": row.provider, "model": row.model, "source": row.source,
            "read": row.input_tokens, "written": row.output_tokens,
            "cost_micros": row.cost_micros, "state": row.state,
            "started_at": row.started_at.isoformat(),
        }
        for row in rows
    ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Day:
    """What models have done on a day (UTC)."""

    day: str
    calls: int
    failed: int
    read: int
    written: int
    micros: int


def by_day(session: Session, *, days: int) -> Sequence[Day]:
    """Return the days on which models were asked, the newest first. Runs as the system."""
    at = AICallRecord.started_at
    postgres = session.get_bind().dialect.name == "postgresql"
    # A literal, not a parameter: GROUP BY must be given the same expression as SELECT.
    day = func.date(func.timezone(literal_column("'UTC'"), at) if postgres else at)
    rows = session.execute(
        select(
            day, func.count(AICallRecord.id),
            func.count(AICallRecord.id).filter(AICallRecord.state.in_(("failed", "cut"))),
            func.coalesce(func.sum(AICallRecord.input_tokens), 0),
            func.coalesce(func.sum(AICallRecord.output_tokens), 0),
            func.coalesce(func.sum(AICallRecord.cost_micros), 0),
        )
        .where(AICallRecord.source == "provider", at > utc_now() - timedelta(days=days))
        .group_by(day)
        .order_by(day.desc())
    )  # fmt: skip
    return [
        Day(
            day=str(row[0]), calls=row[1], failed=row[2], read=int(row[3]), written=int(row[4]),
            micros=int(row[5]),
        )
        for row in rows
    ]  # fmt: skip


def spent(session: Session, *, days: int, organization_id: UUID | None = None) -> tuple[int, int]:
    """Return calls and known cost (micros) of the last days. Runs as the system."""
    query = select(
        func.count(AICallRecord.id), func.coalesce(func.sum(AICallRecord.cost_micros), 0)
    ).where(
        AICallRecord.source == "provider",
        AICallRecord.started_at > utc_now() - timedelta(days=days),
    )
    if organization_id is not None:
        query = query.where(AICallRecord.in_organization_id == organization_id)
    count, micros = session.execute(query).one()
    return count, int(micros or 0)
