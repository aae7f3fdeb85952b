"""Changes of plans that are still to be told of: written in the unit of work of the change.

Each has a row of ``plan_changes`` until it was told. So a process that dies after the commit makes
no webhook and no plugin miss it: the job tells later (`musekit.products.telling`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.declarations import Tier
from musekit.kernel.database.types import utc_now
from musekit.products.models import PlanChange

#: Who has made a change tells of it at once. The job takes over what has not moved for so long.
LEFT_ALONE = timedelta(seconds=60)


class Untold(NamedTuple):
    """A change that is kept: of the tiers of some spaces, or of what the tiers of a product are."""

    id: UUID
    product: str
    spaces: Mapping[UUID, str] | None  #: their tiers before
    before: tuple[Tier, ...] = ()
    after: tuple[Tier, ...] = ()
    done: UUID | None = None  #: the last space that was told, in the order of ids


def keep_spaces(session: Session, product: str, before: Mapping[UUID, str]) -> UUID:
    """Keep that the tiers of spaces are other ones from this unit of work on; runs as the system.

    Args:
        before: the key of each space's tier until now.
    """
    return _keep(session, product, {"spaces": {str(each): key for each, key in before.items()}})


def keep_definitions(
    session: Session, product: str, before: Sequence[Tier], after: Sequence[Tier]
) -> UUID:
    """Keep that a product has other tiers from this unit of work on; runs as the system."""
    return _keep(session, product, {"before": _plain(before), "after": _plain(after)})


def get(session: Session, key: UUID) -> Untold | None:
    """Return a change that is kept; None if it was told. Runs as the system."""
    row = session.get(PlanChange, key)
    return _untold(row) if row is not None else None


def left(session: Session, most: int = 100) -> list[UUID]:
    """Return what nobody has told of for a while, the oldest first. Runs as the system."""
    query = select(PlanChange.id).where(PlanChange.updated_at < utc_now() - LEFT_ALONE)
    return list(session.scalars(query.order_by(PlanChange.updated_at).limit(most)))


def settle(session: Session, told: Untold, up_to: UUID | None = None) -> bool:
    """Note that a change was told, all of it or up to a space; runs as the system.

    Returns:
        False if another was faster: then what this unit of work would tell is told already.
    """
    row = session.get(PlanChange, told.id, with_for_update=True, populate_existing=True)
    if row is None or row.told_up_to != told.done:
        return False
    if up_to is None:
        session.delete(row)
    else:
        row.told_up_to = up_to
    session.flush()
    return True


def _keep(session: Session, product: str, change: dict[str, Any]) -> UUID:
    row = PlanChange(product=product, change=change)
    session.add(row)
    session.flush()
    return row.id


def _plain(tiers: Sequence[Tier]) -> list[dict[str, Any]]:
    return [
        {"key": each.key, "label": each.label, "rank": each.rank, "limits": dict(each.limits)}
        for each in tiers
    ]


def _untold(row: PlanChange) -> Untold:
    product, change = row.product, row.change
    if "spaces" in change:
        spaces = {UUID(each): key for each, key in change["spaces"].items()}
        return Untold(row.id, product, spaces)
    before, after = (
        tuple(Tier(product=product, **each) for each in change[name])
        for name in ("before", "after")
    )
    return Untold(row.id, product, None, before, after, row.told_up_to)
