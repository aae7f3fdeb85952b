"""``/api/usage``: which tiers the space has, why, and how much is used of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from musekit.kernel.actors import Actor
from musekit.kernel.web.access import HostDep, requires
from musekit.products import service
from musekit.products.schemas import UsageOut

router = APIRouter(prefix="/api/usage", tags=["Plans"])


@router.get("")
def get_usage(actor: Annotated[Actor, requires("usage.read")], host: HostDep) -> UsageOut:
    """Get the tier of the space for each product, the steps that led to it, and its use."""
    assert actor.space_id is not None
    return UsageOut(items=service.plans(host, actor.space_id))
