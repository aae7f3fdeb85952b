"""What people subscribe to where no product is installed: room for spaces, members and AI.

So a core alone has plans, prices and limits. It is declared by the same hooks as a product of
anybody's, and steps back (`Product.stands_in`) as soon as there is another.
"""

from __future__ import annotations

from musekit.declarations import Limit, Product, Tier
from musekit.products import room

KEY = "workspace"

PRODUCT = Product(
    key=KEY,
    name="MuseKit",  # mails and authenticator apps name the first product
    summary="Spaces for you and for the people you work with.",
    home="/dashboard",
    stands_in=True,
    limits=(
        Limit(key="spaces", label="Spaces", count=room.spaces),
        Limit(key="members", label="Members", count=room.members),
        Limit(key="ai_per_day", label="AI drafts a day", metric="ai", period="day"),
    ),
)

#: The free floor first. None is unlimited.
TIERS = tuple(
    Tier(
        product=KEY, key=f"tier_{rank}", label=label, rank=rank,
        limits={"spaces": spaces, "members": members, "ai_per_day": ai},
    )
    for rank, (label, spaces, members, ai) in enumerate(
        (("Starter", 3, 10, 10), ("Team", 10, 50, 100), ("Scale", None, None, 1000)), 1
    )
)  # fmt: skip
