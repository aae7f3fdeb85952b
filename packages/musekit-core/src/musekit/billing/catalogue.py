"""What is on sale: the tiers of each product, with the prices that the operator has at Stripe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from musekit.billing import mirror
from musekit.billing.checkout import trial_of
from musekit.billing.models import BillingPrice
from musekit.billing.money import every, money
from musekit.billing.sync import SYSTEM
from musekit.declarations import Product, Tier
from musekit.kernel.host import Host
from musekit.products import tiers


@dataclass(frozen=True)
class Offer:
    """A price of a plan."""

    price: str
    amount: str
    every: str
    trial_days: int
    name: str  #: as the operator calls the price, often empty


@dataclass(frozen=True)
class Plan:
    """A tier as it is shown: what it allows, and what it costs."""

    tier: Tier
    limits: Sequence[tuple[str, int | None]]  #: label and number; None is unlimited
    offers: Sequence[Offer]
    is_free: bool  #: it is what everybody has who pays nothing


@dataclass(frozen=True)
class Shelf:
    """The plans of a product, the lowest rank first."""

    product: Product
    plans: Sequence[Plan]

    @property
    def sells(self) -> bool:
        """True when something of it can be bought."""
        return any(each.offers for each in self.plans)


def shelves(host: Host) -> list[Shelf]:
    """Return the plans of every product. Opens units of its own."""
    with host.database.session(SYSTEM, readonly=True) as session:
        prices = [each for each in mirror.on_sale(session) if each.unit_amount is not None]
        session.expunge_all()
    return [_shelf(host, product, prices) for product in host.registry.products]


def _shelf(host: Host, product: Product, prices: Sequence[BillingPrice]) -> Shelf:
    plans = [
        Plan(
            tier=tier, limits=limits_of(product, tier), is_free=tier.key == product.default_tier,
            offers=[
                offer_of(host, each)
                for each in prices
                if (each.product, each.tier) == (product.key, tier.key)
            ],
        )
        for tier in tiers.definitions(host, product.key)
    ]  # fmt: skip
    return Shelf(product, plans)


def offer_of(host: Host, price: BillingPrice) -> Offer:
    """Return a price as it is shown."""
    return Offer(
        price=price.id, amount=money(price.unit_amount, price.currency, exact=False),
        every=every(price.interval, price.interval_count), trial_days=trial_of(host, price),
        name=price.nickname,
    )  # fmt: skip


def limits_of(product: Product, tier: Tier) -> list[tuple[str, int | None]]:
    """Return what a tier allows: the limits that the product declares, then what else it names."""
    known = {each.key: each.label for each in product.limits}
    more = [key for key in tier.limits if key not in known]
    return [
        *((label, tier.limits.get(key, 0)) for key, label in known.items()),
        *((_words(key), tier.limits[key]) for key in more),
    ]


def _words(key: str) -> str:
    return key.replace("_", " ").capitalize().replace("Ai ", "AI ")
