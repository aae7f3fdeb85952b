"""Telling plugins and webhooks that the tier of spaces is another now.

That there is something to tell is kept in the unit of work of the change
(`musekit.products.untold`) and told after it. Plugins come first; then what webhooks are told is
written in one unit of work with the note that all is told. So plugins hear of a change at least
once, and each endpoint gets one message of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.products import ending, events, tiers, untold
from musekit.products.untold import Untold
from musekit.spaces.models import Space

_SYSTEM = Actor.system("plans")
#: Spaces that plugins are told of together.
AT_ONCE = 500


class Moved(NamedTuple):
    """A space whose tier is another or allows another amount: the keys before and after."""

    space_id: UUID
    before: str
    after: str
    limits: bool = False  #: the tier is called as before, but allows more or less


def tiers_of(host: Host, product: str, space_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the key of each space's tier, looked up now. Opens units of its own."""
    found = tiers.resolve_all(host, product, space_ids, fresh=True)
    return {space: decision.tier.key for space, decision in found.items()}


def tell(host: Host, key: UUID) -> int:
    """Tell of a change that is kept; an edge, to be called after the commit.

    Args:
        key: what `untold.keep_spaces` or `untold.keep_definitions` has returned.

    Returns:
        How many spaces have another tier; what another process tells meanwhile is its to count.
    """
    moved = 0
    while (kept := _kept(host, key)) is not None:
        last, moves = _moves(host, kept)
        tiers.forget(host, [each.space_id for each in moves])
        announce(host, kept.product, moves)
        with host.database.session(_SYSTEM) as session:
            if not untold.settle(session, kept, up_to=last):
                break
            write(session, host, kept.product, moves)
        moved += sum(each.before != each.after for each in moves)
        if last is None:
            break
    return moved


def leftovers(host: Host) -> int:
    """Tell of what has ended by the clock, and of what a process that died has left untold.

    Returns:
        How many spaces have another tier.
    """
    keys = ending.keep(host)
    with host.database.session(_SYSTEM, readonly=True) as session:
        keys += untold.left(session)
    return sum(tell(host, each) for each in keys)


def moves_of(host: Host, product: str, before: Mapping[UUID, str]) -> list[Moved]:
    """Return the spaces whose tier is another now than it was. Opens units of its own."""
    tiers.forget(host, before)
    after = tiers_of(host, product, list(before)) if _is_here(host, product) else {}
    return [
        Moved(space, tier, after[space])
        for space, tier in before.items()
        if after.get(space, tier) != tier
    ]


def announce(host: Host, product: str, moves: Iterable[Moved]) -> None:
    """Tell the plugins of spaces that have moved; those for which all is as before are passed over.

    Outside of units of work: what plugins do may take one of their own.
    """
    groups: dict[tuple[str, str], list[UUID]] = {}
    for each in moves:
        if each.before != each.after or each.limits:
            groups.setdefault((each.before, each.after), []).append(each.space_id)
    for (before, after), spaces in groups.items():
        for start in range(0, len(spaces), AT_ONCE):
            host.registry.hooks.on_subscription_changed(
                host=host, product=product, space_ids=spaces[start : start + AT_ONCE],
                before=before, after=after,
            )  # fmt: skip


def write(session: Session, host: Host, product: str, moves: Iterable[Moved]) -> None:
    """Write what webhooks are told, in the unit of work that notes that it is told."""
    events.plan_changed(
        session, host, product,
        {each.space_id: (each.before, each.after) for each in moves if each.before != each.after},
    )  # fmt: skip


def _kept(host: Host, key: UUID) -> Untold | None:
    with host.database.session(_SYSTEM, readonly=True) as session:
        return untold.get(session, key)


def _moves(host: Host, kept: Untold) -> tuple[UUID | None, Sequence[Moved]]:
    """Return the next spaces that have moved; before them the last looked at, None at the end."""
    if kept.spaces is not None:
        return None, moves_of(host, kept.product, kept.spaces)
    if not _is_here(host, kept.product):
        return None, []
    query = select(Space.id).order_by(Space.id).limit(AT_ONCE)
    if kept.done is not None:
        query = query.where(Space.id > kept.done)
    with host.database.session(_SYSTEM, readonly=True) as session:
        chosen = session.scalars(query).all()
    found = tiers.compare(host, kept.product, chosen, kept.before, kept.after)
    moves = [
        Moved(space_id, old.key, new.key, limits=old.key == new.key)
        for space_id, (old, new) in found.items()
        if old.key != new.key or dict(old.limits) != dict(new.limits)
    ]
    return (chosen[-1] if len(chosen) == AT_ONCE else None), moves


def _is_here(host: Host, product: str) -> bool:
    """Say whether a product is installed still; with it went who could be told."""
    return any(each.key == product for each in host.registry.products)
