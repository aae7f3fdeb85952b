"""Which tier a space has of a product, and why: the chain of six steps.

1. registry: a tier given by the operator, or by a plugin (``musekit_resolve_tier``)
2. Stripe: the ``muse_tier`` of the owner's subscription, asked only if 1 found nothing
3. definitions: the operator's, else those that the product declares
4. the definition with the key that 1 or 2 found
5. its limits: a missing one is 0, null is unlimited
6. nothing matched: the product's default tier

A tier that nobody defines, though 1 found it, is not looked for in 2: the default holds.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from musekit.billing.settings import BillingSettings
from musekit.declarations import Product, Tier
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.products import definitions as defining
from musekit.products import sources
from musekit.products.owners import Owner
from musekit.spaces import service as spaces


class Step(NamedTuple):
    """One step of the chain: what was asked, what it found (None: nothing), and in words."""

    n: int
    asked: str
    found: str | None
    note: str


@dataclass(frozen=True, kw_only=True)
class TierDecision:
    """The tier of a space of a product, with the steps that led to it."""

    product: str
    space_id: UUID
    owner: Owner
    tier: Tier
    source: Literal["registry", "stripe", "default"]
    steps: tuple[Step, ...]
    tiers: tuple[Tier, ...]  #: all that there are, the lowest rank first


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """The tier of a space and the next one up, for limits and for what to say about them."""

    tier: Tier
    upgrade: Tier | None
    upgrade_url: str = "/billing/plans"

    def limit(self, name: str) -> int | None:
        """Return a limit; None is unlimited. A limit the tier does not name is 0."""
        return self.tier.limits.get(name, 0)

    @classmethod
    def of(cls, decision: TierDecision) -> Allowance:
        """Return what a decision allows."""
        rank = decision.tier.rank
        above = next((each for each in decision.tiers if each.rank > rank), None)
        return cls(tier=decision.tier, upgrade=above)


class _Cache:
    """Decisions of a short while ago, in this process."""

    MOST = 10_000

    def __init__(self) -> None:
        self.decisions: dict[tuple[str, UUID], tuple[float, TierDecision]] = {}
        self.defined: dict[str, tuple[float, tuple[tuple[Tier, ...], str]]] = {}


def resolve(host: Host, product: str, space_id: UUID, *, fresh: bool = False) -> TierDecision:
    """Return which tier a space has, and why. Opens units of its own: call it outside of yours.

    Args:
        fresh: do not take an answer of a moment ago (``MUSEKIT_TIER_CACHE_SECONDS``).

    Raises:
        LookupError: nobody has declared this product.
    """
    return resolve_all(host, product, (space_id,), fresh=fresh)[space_id]


def resolve_all(
    host: Host, product: str, space_ids: Collection[UUID], *, fresh: bool = False
) -> dict[UUID, TierDecision]:
    """Return the same of many spaces, for which the database is asked once."""
    known, now = _cache(host).decisions, time.monotonic()
    found: dict[UUID, TierDecision] = {}
    if not fresh:
        for each in space_ids:
            held = known.get((product, each))
            if held is not None and held[0] > now:
                found[each] = held[1]
    missing = [each for each in space_ids if each not in found]
    if not missing:
        return found
    declared, seconds = _product(host, product), _seconds(host)
    told, defined = sources.read(host, product, missing), _defined(host, declared, fresh=fresh)
    if len(known) + len(missing) > _Cache.MOST:
        known.clear()
    for each in missing:
        found[each] = _decide(host, declared, each, told.get(each), defined)
        if seconds:
            known[product, each] = (now + seconds, found[each])
    return found


def forget(host: Host, space_ids: Iterable[UUID]) -> None:
    """Have the tiers of spaces looked up anew in this process; after a change of them."""
    gone = set(space_ids)
    _cache(host).defined.clear()
    known = _cache(host).decisions
    for key in [key for key in list(known) if key[1] in gone]:
        known.pop(key, None)


def definitions(host: Host, product: str) -> tuple[Tier, ...]:
    """Return the tiers of a product that are in force, the lowest rank first."""
    return _defined(host, _product(host, product), fresh=False)[0]


def allowance(host: Host, product: str, space_id: UUID) -> Allowance:
    """Return what a space may use, and what it could move up to. As `resolve`, outside of units."""
    return Allowance.of(resolve(host, product, space_id))


def allowances(host: Host, product: str, space_ids: Collection[UUID]) -> dict[UUID, Allowance]:
    """Return what each of many spaces may use. As `resolve_all`, outside of units."""
    found = resolve_all(host, product, space_ids)
    return {space_id: Allowance.of(decision) for space_id, decision in found.items()}


def explain(host: Host, user_id: UUID) -> list[TierDecision]:
    """Return the decision for every product in every space of a user, the own space first."""
    system = Actor.system("tiers")
    with host.database.session(system, readonly=True) as session:
        found = spaces.memberships(session, user_id)
    return [
        resolve(host, product.key, space.id, fresh=True)
        for space in found
        for product in host.registry.products
    ]


def compare(
    host: Host, product: str, space_ids: Collection[UUID], *definitions: tuple[Tier, ...]
) -> dict[UUID, tuple[Tier, ...]]:
    """Return which tier each space would have under each of some definitions. As `resolve_all`."""
    declared = _product(host, product)
    told = sources.read(host, product, list(space_ids))
    return {
        each: tuple(
            _decide(host, declared, each, told.get(each), (tiers, "")).tier for tiers in definitions
        )
        for each in space_ids
    }


def _decide(
    host: Host,
    product: Product,
    space_id: UUID,
    known: sources.Sources | None,
    defined: tuple[tuple[Tier, ...], str],
) -> TierDecision:
    tiers, whence = defined
    first = _registry(host, product, space_id, known)
    grace = host.settings_of(BillingSettings).grace_days
    second = (
        Step(2, "Stripe", None, "not asked: step 1 has answered")
        if first.found is not None
        else _stripe(known, tiers, grace)
    )
    value = first.found or second.found
    tier = next((each for each in tiers if each.key == value), None)
    unknown = f"no tier is called “{value}”" if value else "there is nothing to look for"
    steps = [
        first, second,
        Step(3, "definitions", ", ".join(each.key for each in tiers), whence),
        Step(4, "definition", tier.key if tier else None, tier.label if tier else unknown),
        Step(5, "limits", _limits(tier) if tier else None, "" if tier else "no definition, none"),
    ]  # fmt: skip
    source: Literal["registry", "stripe", "default"] = "registry" if first.found else "stripe"
    if tier is None:
        source, wanted = "default", product.default_tier
        tier = next((each for each in tiers if each.key == wanted), tiers[0])
        steps.append(Step(6, "default", tier.key, f"{tier.label}: {_limits(tier)}"))
    else:
        steps.append(Step(6, "default", None, "not needed"))
    return TierDecision(
        product=product.key, space_id=space_id, owner=known.owner if known else Owner(),
        tier=tier, source=source, steps=tuple(steps), tiers=tiers,
    )  # fmt: skip


def _defined(host: Host, product: Product, *, fresh: bool) -> tuple[tuple[Tier, ...], str]:
    known = _cache(host).defined
    held = known.get(product.key)
    if held is not None and held[0] > time.monotonic() and not fresh:
        return held[1]
    found = defining.defined(host, product)
    if seconds := _seconds(host):
        known[product.key] = (time.monotonic() + seconds, found)
    return found


def _registry(host: Host, product: Product, space_id: UUID, known: sources.Sources | None) -> Step:
    if known is not None and known.granted is not None:
        return Step(1, "registry", known.granted, f"given by the operator. {known.reason}".strip())
    told = host.registry.hooks.ask_tier(host=host, product=product.key, space_id=space_id)
    if told is not None:
        return Step(1, "registry", told, "said by a plugin")
    return Step(1, "registry", None, "nothing is given")


def _stripe(known: sources.Sources | None, tiers: tuple[Tier, ...], grace: int) -> Step:
    """Choose among the subscriptions that are paid for: of several the one of the highest rank.

    Args:
        grace: days that a subscription counts on after a payment has failed.
    """
    late = utc_now() - timedelta(days=grace)
    live = [
        each
        for each in (known.subscriptions if known is not None else ())
        if each.status in sources.LIVE or (each.past_due_since is not None
                                           and each.past_due_since > late)
    ]  # fmt: skip
    named = [each for each in live if each.tier]
    if not named:
        return Step(
            2, "Stripe", None, "its subscription names no tier" if live else "no live subscription"
        )
    ranks = {each.key: each.rank for each in tiers}
    best = max(named, key=lambda each: ranks.get(each.tier or "", -1))
    return Step(2, "Stripe", best.tier, f"subscription, {best.status}")


def _limits(tier: Tier) -> str:
    return ", ".join(
        f"{name} {'unlimited' if value is None else value}"
        for name, value in sorted(tier.limits.items())
    )


def _seconds(host: Host) -> float:
    """Return how long an answer holds; tests see each change at once."""
    return 0.0 if host.settings.mode == "test" else host.settings.tier_cache_seconds


def _product(host: Host, key: str) -> Product:
    for each in host.registry.products:
        if each.key == key:
            return each
    raise LookupError(f"no plugin has declared the product “{key}”")


def _cache(host: Host) -> _Cache:
    try:
        found: _Cache = host.get(_Cache)
    except KeyError:
        found = _Cache()
        host.put(_Cache, found)
    return found
