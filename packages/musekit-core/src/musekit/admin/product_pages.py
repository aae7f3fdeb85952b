"""Pages of products: their tiers, who has which, what was given, and the editor of tiers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from musekit.admin import defining, plans, tier_form, users
from musekit.admin.rules import SYSTEM, Acting, Operator
from musekit.declarations import Product
from musekit.errors import ConflictError, InvalidError
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep
from musekit.kernel.web.flash import flash
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render
from musekit.products import checking, editing

router = APIRouter(prefix="/admin/products")


class WantedGrants(BaseModel):
    """What of the tiers given by hand is asked for."""

    state: plans.State = "all"
    after: str = ""


class Decided(BaseModel):
    """What was previewed, sent back to be done."""

    seen: str = ""
    definitions: str = ""


@router.get("")
def products_page(request: Request, host: HostDep, actor: Operator) -> Response:
    """List the installed products with their tiers."""
    found = [(each, editing.in_force(host, each)) for each in host.registry.products]
    owners = {
        each.key: host.registry.owner_of(f"product {each.key}") for each in host.registry.products
    }
    return render(request, "musekit/admin/products.html", found=found, owners=owners)


@router.get("/{product}")
def product_page(
    request: Request, host: HostDep, actor: Operator, product: str,
    wanted: Annotated[WantedGrants, Query()],
) -> Response:  # fmt: skip
    """Show the tiers of a product, how many spaces have which, and what was given by hand."""
    found = editing.product_of(host, product)
    held, more = editing.spread(host, found, most=plans.MOST_COUNTED)
    with host.database.session(SYSTEM, readonly=True) as session:
        grants = plans.page(session, host, found.key, **wanted.model_dump())
        people = {each.user_id for each in grants.items if each.user_id is not None}
        addresses = users.addresses(session, people)
        organizations = plans.names_of(session, grants.items)
    return render(
        request, "musekit/admin/product.html", product=found, grants=grants.items,
        next=grants.next, addresses=addresses, organizations=organizations, held=held, more=more,
        wanted=wanted.model_dump(), **_tiers(host, found),
    )  # fmt: skip


@router.get("/{product}/tiers")
def editor_page(request: Request, host: HostDep, actor: Acting, product: str) -> Response:
    """Show the form in which the tiers are edited."""
    return _editor(request, host, editing.product_of(host, product))


@router.post("/{product}/tiers/preview")
def preview(
    request: Request, host: HostDep, actor: Acting, product: str,
    form: Annotated[tier_form.Fields, Form()],
) -> Response:  # fmt: skip
    """Show what the form would do: limits, and who has another tier then. Changes nothing."""
    found = editing.product_of(host, product)
    rows = tier_form.rows_of(form)
    given: dict[str, Any] = {"rows": rows, "mark": form.seen}
    try:
        given["preview"] = defining.preview(host, found, tier_form.read(found, rows))
    except InvalidError as error:
        return _editor(request, host, found, 422, errors=errors_of(error), **given)
    return _editor(request, host, found, **given)


@router.post("/{product}/tiers/own")
def preview_own(request: Request, host: HostDep, actor: Acting, product: str) -> Response:
    """Show what it would do to go back to the tiers that the product declares."""
    found = editing.product_of(host, product)
    return _editor(request, host, found, preview=defining.preview(host, found, None))


@router.post("/{product}/tiers")
def save(
    request: Request, host: HostDep, actor: Acting, product: str, form: Annotated[Decided, Form()]
) -> Response:
    """Do what was previewed."""
    found = editing.product_of(host, product)
    try:
        chosen = tier_form.from_json(found, form.definitions)
        moved = defining.save(request, host, actor, found, chosen, seen=form.seen)
    except (ConflictError, InvalidError) as error:
        flash(request, error.detail, "danger")
        return redirect(f"/admin/products/{found.key}/tiers")
    flash(request, f"The tiers are changed. Spaces that have another tier now: {moved:,}.")
    return redirect(f"/admin/products/{found.key}")


def _tiers(host: Host, product: Product) -> dict[str, Any]:
    labels, now = checking.labels(host, product), editing.in_force(host, product)
    used = [name for name in labels if any(name in tier.limits for tier in now.tiers)]
    return {
        "now": now, "names": list(labels), "used": used, "labels": labels, "shown": tier_form.shown,
    }  # fmt: skip


def _editor(
    request: Request, host: Host, product: Product, status: int = 200, **given: Any
) -> Response:
    found = _tiers(host, product)
    blank: dict[str, Any] = {
        "rows": tier_form.rows_from(found["now"].tiers), "errors": {}, "preview": None,
        "mark": found["now"].mark,
    }  # fmt: skip
    return render(
        request, "musekit/admin/tiers.html", status=status, product=product,
        most=checking.MOST_TIERS, **(found | blank | given),
    )  # fmt: skip
