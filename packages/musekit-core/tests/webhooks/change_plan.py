"""Change a plan as the operator does, in a process of its own that dies on its way.

Arguments: the act (``grant`` or ``definitions``), the user, and the point: ``committed`` is after
the commit, with nobody told; ``announced`` when the plugins were told; ``written`` when what
webhooks are told is written and not committed.
"""

import os
import sys
from typing import Any
from uuid import UUID

from starlette.requests import Request

from musekit.admin import defining, granting
from musekit.declarations import Product, Tier
from musekit.kernel.actors import Actor
from musekit.kernel.build import build_host
from musekit.kernel.host import Host
from musekit.kernel.registry import Contribution
from musekit.kernel.settings import CoreSettings
from musekit.products import definitions, editing, telling, untold
from musekit.products.owners import Owner

POINTS = ("committed", "announced", "written")
REQUEST = Request({"type": "http", "headers": [], "client": ("127.0.0.1", 1), "state": {}})


def offer(host: Host) -> None:
    """Give a host a product of two tiers."""
    registry = host.registry
    registry.frozen = False
    registry.accept(
        "musekit",
        Contribution({
            "products": [Product(key="shop", name="Shop", summary="", home="/dashboard")],
            "tiers": [
                Tier(product="shop", key=f"tier_{rank}", label=label, rank=rank, limits={})
                for rank, label in ((1, "S"), (2, "M"))
            ],
        }),
    )  # fmt: skip
    registry.frozen = True


def act(host: Host, what: str, user_id: UUID) -> None:
    """Give a user the larger tier; or take that tier away from all who have it."""
    operator = Actor(kind="user", name="tests", user_id=user_id, is_operator=True)
    if what == "grant":
        granting.give(
            REQUEST, host, operator, Owner(user_id), product="shop", tier="tier_2", reason=""
        )  # fmt: skip
    else:
        product = editing.product_of(host, "shop")
        smaller, _ = definitions.registered(host, product)
        seen = editing.in_force(host, product).mark
        defining.save(REQUEST, host, operator, product, [smaller], seen=seen)


def main(what: str, user_id: str, point: str) -> None:
    def die(*_: Any, **__: Any) -> None:
        os._exit(9)

    write = telling.write

    def write_and_die(*given: Any) -> None:
        write(*given)
        os._exit(9)

    if point == "committed":
        telling.tell = die  # type: ignore[assignment]
    elif point == "announced":
        untold.settle = die  # type: ignore[assignment]
    elif point == "written":
        telling.write = write_and_die
    host = build_host(CoreSettings(), plugins=["musekit"])
    offer(host)
    act(host, what, UUID(user_id))
    host.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
