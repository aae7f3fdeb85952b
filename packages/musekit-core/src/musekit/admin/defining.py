"""Changing the tiers of a product: what it would do, and doing it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from starlette.requests import Request

from musekit.admin.rules import SYSTEM
from musekit.admin.tier_form import shown
from musekit.audit import service as audit
from musekit.declarations import Product, Tier
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.products import checking, definitions, editing, telling, tiers, untold

#: Spaces counted in a preview as moving; beyond it the number is said to be larger.
MOST_MOVES = 20_000


class Shift(NamedTuple):
    """Spaces that would move from one tier to another."""

    before: str
    after: str
    spaces: int


class Difference(NamedTuple):
    """A limit that would be another, of a tier that stays."""

    tier: str
    limit: str
    before: str
    after: str


class Preview(NamedTuple):
    """What a change would do."""

    definitions: str  #: as JSON, to be sent back as it was seen; ``null`` for the product's own
    added: Sequence[str]
    removed: Sequence[str]
    differences: Sequence[Difference]
    shifts: Sequence[Shift]
    more: bool  #: more spaces would move than were counted

    @property
    def is_nothing(self) -> bool:
        """True when all stays as it is."""
        return not (self.added or self.removed or self.differences or self.shifts)


def preview(host: Host, product: Product, chosen: Sequence[Tier] | None) -> Preview:
    """Return what a change would do; None: back to what the product declares.

    Raises:
        InvalidError: these definitions could not be used.
    """
    before = editing.in_force(host, product).tiers
    after = definitions.registered(host, product) if chosen is None else tuple(chosen)
    if chosen is not None:
        checking.check(host, product, after)
    old, new = ({each.key: each for each in tiers} for tiers in (before, after))
    labels = {key: each.label for key, each in (*old.items(), *new.items())}
    moves = (each for each in editing.moves(host, product, before, after) if not each.limits)
    moving = list(islice(moves, MOST_MOVES + 1))
    shifts = Counter((each.before, each.after) for each in moving[:MOST_MOVES])
    return Preview(
        definitions=editing.plain(after) if chosen is not None else "null",
        added=[labels[key] for key in new if key not in old],
        removed=[old[key].label for key in old if key not in new],
        differences=[
            each for key in new if key in old for each in _differences(old[key], new[key])
        ],
        shifts=[
            Shift(labels[was], labels[now], count) for (was, now), count in shifts.most_common()
        ],
        more=len(moving) > MOST_MOVES,
    )  # fmt: skip


def save(
    request: Request, host: Host, actor: Actor, product: Product,
    chosen: Sequence[Tier] | None, *, seen: str,
) -> int:  # fmt: skip
    """Put definitions in place, note it with both states, and tell whom it moves; an edge.

    Returns:
        How many spaces have another tier now.

    Raises:
        InvalidError: these definitions could not be used.
        ConflictError: they were changed since `seen`.
    """
    if chosen is not None:
        checking.check(host, product, chosen)
    before = editing.in_force(host, product).tiers
    after = definitions.registered(host, product) if chosen is None else tuple(chosen)
    with host.database.session(SYSTEM) as session:
        was, now = editing.store(session, product, chosen, seen=seen, by=actor.user_id)
        audit.record(
            session, actor, "definitions.changed", target=("product", product.key),
            request=request,
            detail={
                "before": json.dumps(was, ensure_ascii=False),
                "after": json.dumps(now, ensure_ascii=False),
            },
        )  # fmt: skip
        key = untold.keep_definitions(session, product.key, before, after)
    tiers.forget(host, ())
    return telling.tell(host, key)


def _differences(old: Tier, new: Tier) -> list[Difference]:
    found = [] if old.label == new.label else [Difference(old.label, "label", old.label, new.label)]
    if old.rank != new.rank:
        found.append(Difference(new.label, "rank", str(old.rank), str(new.rank)))
    for name in dict.fromkeys((*old.limits, *new.limits)):
        was, now = shown(old, name), shown(new, name)
        if was != now:
            found.append(Difference(new.label, name, was, now))
    return found
