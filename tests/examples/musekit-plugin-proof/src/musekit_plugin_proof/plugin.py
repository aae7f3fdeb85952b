"""The face of the product: what it sells, its one route, and what it hears of changed plans."""

import logging
from collections.abc import Iterable, Sequence
from uuid import UUID

from musekit.api import Host, Limit, Product, RouteSet, Tier, hookimpl

PRODUCT = "proof"
LIMIT = "things_per_day"
logger = logging.getLogger(__name__)


@hookimpl
def musekit_register_products() -> Iterable[Product]:
    """Sell one product."""
    limit = Limit(key=LIMIT, label="Things a day", metric="things", period="day")
    return [
        Product(
            key=PRODUCT, name="Proof", summary="Things.", home="/dashboard", limits=(limit,)
        )
    ]  # fmt: skip


@hookimpl
def musekit_register_tiers() -> Iterable[Tier]:
    """Sell it in three tiers."""
    return [
        Tier(product=PRODUCT, key=f"tier_{rank}", label=label, rank=rank, limits={LIMIT: most})
        for rank, (label, most) in enumerate((("Free", 3), ("More", 10), ("All", None)), 1)
    ]


@hookimpl
def musekit_register_routes(host: Host) -> Iterable[RouteSet]:
    """Give ``/api/proof/things``."""
    from musekit_plugin_proof.routes import router

    return [RouteSet(router=router)]


@hookimpl
def musekit_on_subscription_changed(
    host: Host, product: str, space_ids: Sequence[UUID], before: str, after: str
) -> None:
    """Tell the log."""
    if product == PRODUCT:
        logger.info("proof heard: %s spaces went from %s to %s", len(space_ids), before, after)
