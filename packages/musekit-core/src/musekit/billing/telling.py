"""Telling plugins, and the audit log, that the tier of spaces is another now.

Told are tiers as they are resolved: a subscription under a plan given by the operator changes
nothing, and nothing is told. What was before is kept with the mirror, in one unit of work, until
it was told of: a process that dies in between makes nobody miss it. Plugins hear of it at least
once; what the log and webhooks say of it is written with the note that it is told, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import null, select, update
from sqlalchemy.orm import Session

from musekit.audit.service import record
from musekit.billing.models import BillingCustomer
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import db_now
from musekit.kernel.host import Host
from musekit.products import telling
from musekit.products.owners import Owner, spaces_of
from musekit.products.telling import Moved

SYSTEM = Actor.system("billing")
#: Customers looked at in one run.
BATCH = 100
Tiers = dict[tuple[str, UUID], str]


def now(host: Host, owner: Owner, products: Iterable[str]) -> Tiers:
    """Return the tiers of an owner's spaces. Opens units of its own."""
    if not any(owner):
        return {}
    with host.database.session(SYSTEM, readonly=True) as session:
        spaces = spaces_of(session, owner)
    return {
        (product, space): tier
        for product in sorted(products)
        for space, tier in telling.tiers_of(host, product, spaces).items()
    }


def keep(session: Session, customer: UUID, before: Tiers) -> None:
    """Keep what was before, until `tell`; what is kept already is older, and stays."""
    row = session.get_one(BillingCustomer, customer)
    known = _read(row.untold)
    row.untold = [
        [product, str(space), tier] for (product, space), tier in (before | known).items()
    ]


def tell(host: Host, customer: UUID) -> int:
    """Tell of a customer's spaces whose tier is another than was kept; return how many."""
    with host.database.session(SYSTEM, readonly=True) as session:
        row = session.get(BillingCustomer, customer)
        if row is None or row.untold is None:
            return 0
        kept, done = row.untold, row.sync_done
        owner = Owner(row.user_id, row.organization_id)
    moved: list[tuple[str, list[Moved]]] = []
    for product in sorted({name for name, _ in _read(kept)}):
        before = {space: tier for (name, space), tier in _read(kept).items() if name == product}
        moves = telling.moves_of(host, product, before)
        telling.announce(host, product, moves)
        moved.append((product, moves))
    with host.database.session(SYSTEM) as session:
        # Another fetch has kept more by now, or another process was faster: it is theirs to tell.
        told = session.scalar(
            update(BillingCustomer)
            .where(
                BillingCustomer.id == customer, BillingCustomer.sync_done == done,
                BillingCustomer.untold.is_not(None),
            )
            .values(untold=null())
            .returning(BillingCustomer.id)
        )  # fmt: skip
        for product, moves in moved if told is not None else ():
            _write(session, host, owner, product, moves)
    return sum(len(moves) for _, moves in moved) if told is not None else 0


def leftovers(host: Host) -> int:
    """Tell of what a process that died has left untold; return of how many spaces."""
    with host.database.session(SYSTEM, readonly=True) as session:
        free = BillingCustomer.sync_until.is_(None) | (BillingCustomer.sync_until < db_now())
        waiting = session.scalars(
            select(BillingCustomer.id)
            .where(BillingCustomer.untold.is_not(None), free)
            .order_by(BillingCustomer.id)
            .limit(BATCH)
        ).all()
    return sum(tell(host, each) for each in waiting)


def _write(
    session: Session, host: Host, owner: Owner, product: str, moves: Sequence[Moved]
) -> None:  # fmt: skip
    """Write what stays of it: entries of the log, messages of webhooks."""
    for each in moves:
        record(
            session, SYSTEM, "subscription.changed", target=("product", product),
            detail={"before": each.before, "after": each.after}, space_id=each.space_id,
            organization_id=owner.organization_id,
        )  # fmt: skip
    telling.write(session, host, product, moves)


def _read(kept: list[list[str]] | None) -> Tiers:
    return {(product, UUID(space)): tier for product, space, tier in kept or ()}
