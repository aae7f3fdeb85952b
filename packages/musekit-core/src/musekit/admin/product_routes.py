"""``/api/admin/products``: products, their tiers, who has which, and the change of tiers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from musekit.admin import defining, plans
from musekit.admin import product_schemas as s
from musekit.admin.plan_schemas import GrantList, GrantOut
from musekit.admin.rules import SYSTEM, Acting, Operator
from musekit.declarations import Product
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep
from musekit.products import checking, editing

router = APIRouter(prefix="/api/admin/products", tags=["Administration"])


class AskedGrants(BaseModel):
    """Which of the tiers given by hand are asked for."""

    state: plans.State = "all"
    cursor: str = Field("", max_length=500)


@router.get("")
def list_products(host: HostDep, actor: Operator) -> s.AdminProductList:
    """List the installed products with their tiers."""
    return s.AdminProductList(items=[_product(host, each) for each in host.registry.products])


@router.get("/{product}")
def get_product(host: HostDep, actor: Operator, product: str) -> s.AdminProductDetail:
    """Get one product: its tiers, the limits they may have, and how many spaces have which."""
    found = editing.product_of(host, product)
    held, more = editing.spread(host, found, most=plans.MOST_COUNTED)
    labels = checking.labels(host, found)
    return s.AdminProductDetail(
        product=_product(host, found), more=more,
        limits=[s.LimitName(limit=name, label=label) for name, label in labels.items()],
        held=[s.Held(tier=tier, spaces=spaces) for tier, spaces in held.items()],
    )  # fmt: skip


@router.get("/{product}/grants")
def list_grants(
    host: HostDep, actor: Operator, product: str, asked: Annotated[AskedGrants, Query()]
) -> GrantList:
    """List the tiers of a product that were given by hand, the newest first."""
    known = editing.product_of(host, product).key
    with host.database.session(SYSTEM, readonly=True) as session:
        found = plans.page(session, host, known, state=asked.state, after=asked.cursor)
        items = [GrantOut.model_validate(each) for each in found.items]
    return GrantList(items=items, next_cursor=found.next)


@router.post("/{product}/tiers/preview")
def preview_tiers(
    host: HostDep, actor: Acting, product: str, body: s.Definitions
) -> s.PreviewOfTiers:
    """Say what other tiers would do: limits, and who has another tier then. Changes nothing."""
    found = editing.product_of(host, product)
    return s.PreviewOfTiers.of(defining.preview(host, found, body.chosen(found)))


@router.put("/{product}/tiers")
def change_tiers(
    request: Request, host: HostDep, actor: Acting, product: str, body: s.ChangeOfTiers
) -> s.Moved:
    """Give a product other tiers, at once; those whom it moves are told."""
    found = editing.product_of(host, product)
    moved = defining.save(request, host, actor, found, body.chosen(found), seen=body.seen)
    return s.Moved(spaces=moved, mark=editing.in_force(host, found).mark)


def _product(host: Host, product: Product) -> s.AdminProduct:
    plugin = host.registry.owner_of(f"product {product.key}") or ""
    return s.AdminProduct.of(product, editing.in_force(host, product), plugin)
