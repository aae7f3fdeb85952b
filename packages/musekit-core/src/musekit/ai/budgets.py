"""What a plan allows of calls: so many a day, and so much money a month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from musekit.declarations import Tier
from musekit.kernel.host import Host
from musekit.products import tiers, usage
from musekit.products.usage import commit as count

#: Limits of tiers, and the counters behind them.
CALLS, MICROS = "ai_per_day", "ai_micros_per_month"
CALL_METRIC, MICROS_METRIC = "ai", "ai_micros"

#: What is set aside for one call, each under the name of its counter.
Held = tuple[tuple[str, UUID], ...]


class Budget:
    """What the plan of a space says of calls. Looked up before any unit of work."""

    def __init__(self, host: Host, product: str, space_id: UUID) -> None:
        self.product, self.space_id = product, space_id
        self._decision = tiers.resolve(host, product, space_id)
        self._allowed = tiers.Allowance.of(self._decision)

    def reserve(self, session: Session, zone: str, *, micros: int, seconds: float) -> Held:
        """Set aside one call and what it is likely to cost.

        Raises:
            LimitReachedError: the plan allows no more of it.
        """
        day, month = usage.periods(zone, datetime.now(UTC))
        wanted = [(CALLS, usage.Take(CALL_METRIC, CALLS, day))]
        if micros:
            wanted.append((MICROS, usage.Take(MICROS_METRIC, MICROS, month, micros)))
        return tuple(
            (
                take.metric,
                usage.reserve(
                    session, self.space_id, self.product, [take], self._allowed, seconds=seconds,
                    message=self._said(limit),
                ),
            )
            for limit, take in wanted
            if _is_limited(limit, self._decision.tiers)
        )  # fmt: skip

    def _said(self, limit: str) -> usage.Message:
        label = self._allowed.tier.label
        upgrade = self._allowed.upgrade
        more = f" Move up to {upgrade.label} for more." if upgrade is not None else ""
        most = self._allowed.limit(limit)

        def message(take: usage.Take, used: int) -> str:
            if limit == MICROS:
                return (
                    f"What {label} includes for AI this month is used up:"
                    f" ${used / 1e6:.2f} of ${(most or 0) / 1e6:.2f}. No model was asked.{more}"
                )
            return (
                f"{label} allows {most} AI answers a day; {used} are used."
                f" No model was asked.{more}"
            )

        return message


def settle(session: Session, held: Held, *, micros: int) -> None:
    """Count what an answered call has used."""
    for metric, reservation in held:
        count(session, reservation, actual=micros if metric == MICROS_METRIC else None)


def release(session: Session, held: Held) -> None:
    """Give back what a call that failed has not used."""
    for _, reservation in held:
        usage.release(session, reservation)


def _is_limited(limit: str, all_tiers: Sequence[Tier]) -> bool:
    """Return True if a limit holds.

    The number of calls always has one: tiers that leave it out have 0, for a product that did not
    think of it must not spend the operator's money. A budget in money has who names it in a tier.
    """
    return limit == CALLS or any(limit in tier.limits for tier in all_tiers)
