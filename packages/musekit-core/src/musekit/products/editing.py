"""The operator's own definitions of tiers: what is in force, who would move, and their change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.declarations import Product, Tier
from musekit.errors import ConflictError, NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.organizations.models import OrganizationSettings
from musekit.products import definitions as defining
from musekit.products import tiers
from musekit.products.telling import Moved
from musekit.spaces.models import Space

_SYSTEM = Actor.system("definitions")
#: Spaces looked at together.
BATCH = 500


class InForce(NamedTuple):
    """The tiers of a product, where they come from, and a mark that another change makes stale."""

    tiers: tuple[Tier, ...]
    whence: str
    own: bool  #: the operator has defined some, whether or not they can be used
    mark: str


def product_of(host: Host, key: str) -> Product:
    """Return an installed product; NotFoundError if there is none of that key."""
    found = next((each for each in host.registry.products if each.key == key), None)
    if found is None:
        raise NotFoundError("No product of this name is installed here.")
    return found


def in_force(host: Host, product: Product) -> InForce:
    """Return the tiers of a product as they are now. Opens units of its own."""
    found, whence = defining.defined(host, product)
    with host.database.session(_SYSTEM, readonly=True) as session:
        stored = _stored(session.scalar(_row()), product)
    return InForce(found, whence, stored is not None, _mark(stored))


def spread(host: Host, product: Product, *, most: int) -> tuple[dict[str, int], bool]:
    """Return how many spaces have which tier, and whether there are more than were looked at."""
    held: dict[str, int] = {}
    spaces = list(islice(_spaces(host), most + 1))
    for start in range(0, min(len(spaces), most), BATCH):
        chosen = spaces[start : min(start + BATCH, most)]
        for decision in tiers.resolve_all(host, product.key, chosen, fresh=True).values():
            held[decision.tier.key] = held.get(decision.tier.key, 0) + 1
    return held, len(spaces) > most


def moves(
    host: Host, product: Product, before: Sequence[Tier], after: Sequence[Tier]
) -> Iterator[Moved]:
    """Yield every space whose tier would be another, or would allow another amount.

    Reads in units of its own, in batches.
    """
    spaces = _spaces(host)
    while chosen := list(islice(spaces, BATCH)):
        found = tiers.compare(host, product.key, chosen, tuple(before), tuple(after))
        for space_id, (old, new) in found.items():
            if old.key != new.key or dict(old.limits) != dict(new.limits):
                yield Moved(space_id, old.key, new.key, limits=old.key == new.key)


def store(
    session: Session, product: Product, chosen: Sequence[Tier] | None, *, seen: str, by: UUID | None
) -> tuple[Any, Any]:
    """Put the operator's definitions in place; runs as the system.

    Args:
        chosen: checked (`musekit.products.checking`); None: the product's own hold again.
        seen: the mark of what they were made from.

    Returns:
        What was stored before, and what is now; None for nothing.

    Raises:
        ConflictError: somebody has changed them meanwhile.
    """
    row = session.scalar(_row().with_for_update())
    if row is None:
        row = OrganizationSettings(scope=defining.OPERATOR, settings={})
        session.add(row)
    before = _stored(row, product)
    if _mark(before) != seen:
        raise ConflictError(
            "These tiers were changed meanwhile. Nothing was changed now; look at them again."
        )
    after = [_plain(each) for each in chosen] if chosen is not None else None
    key = product.settings_key or product.key
    own = row.settings.get(key)
    kept = {name: each for name, each in own.items() if name != defining.MEMBER} if (
        isinstance(own, Mapping)
    ) else {}  # fmt: skip
    if after is not None:
        kept[defining.MEMBER] = after
    row.settings = {**row.settings, key: kept}  # another object: a change inside is not seen
    row.updated_by = by
    session.flush()
    return before, after


def plain(chosen: Sequence[Tier]) -> str:
    """Return definitions as they are kept, as JSON."""
    return json.dumps([_plain(each) for each in chosen], ensure_ascii=False)


def _plain(tier: Tier) -> dict[str, Any]:
    return {
        "key": tier.key, "label": tier.label, "rank": tier.rank, "limits": dict(tier.limits),
    }  # fmt: skip


def _row() -> Any:
    return select(OrganizationSettings).where(OrganizationSettings.scope == defining.OPERATOR)


def _stored(row: OrganizationSettings | None, product: Product) -> Any:
    own = (row.settings if row is not None else {}).get(product.settings_key or product.key)
    return own.get(defining.MEMBER) if isinstance(own, Mapping) else None


def _mark(stored: Any) -> str:
    text = json.dumps(stored, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _spaces(host: Host) -> Iterator[UUID]:
    """Yield the id of every space, in short units of work."""
    last: UUID | None = None
    while True:
        query = select(Space.id).order_by(Space.id).limit(BATCH)
        if last is not None:
            query = query.where(Space.id > last)
        with host.database.session(_SYSTEM, readonly=True) as session:
            found = session.scalars(query).all()
        yield from found
        if len(found) < BATCH:
            return
        last = found[-1]
