"""Giving a tier by hand, and taking it back: done, noted, and told to whom it concerns."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from starlette.requests import Request

from musekit.admin import organizations, users
from musekit.admin.rules import SYSTEM
from musekit.audit import service as audit
from musekit.errors import InvalidError, NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.products import grants, telling, tiers, untold
from musekit.products.owners import Owner, spaces_of

LONGEST_REASON = 300


def give(
    request: Request, host: Host, actor: Actor, owner: Owner, *, product: str, tier: str,
    reason: str = "", days: int | None = None,
) -> None:  # fmt: skip
    """Give a tier to a person, for their own space, or to an organization; an edge.

    Args:
        reason: shown wherever it is explained why they have it.
        days: for how long; None: until it is taken back.

    Raises:
        NotFoundError: there is no such user or organization.
        InvalidError: no such product or tier, or the reason is too long.
    """
    reason = " ".join(reason.split())
    if product not in [each.key for each in host.registry.products]:
        raise _fault("product", "is not installed here")
    if tier not in [each.key for each in tiers.definitions(host, product)]:
        raise _fault("tier", "is not one of this product")
    if len(reason) > LONGEST_REASON or not reason.isprintable():
        raise _fault("reason", f"use at most {LONGEST_REASON} plain characters")
    before = _before(host, owner, product)
    with host.database.session(SYSTEM) as session:
        grants.give(
            session, owner, product, tier, reason=reason, by=actor.user_id,
            ends_at=utc_now() + timedelta(days=days) if days else None,
        )  # fmt: skip
        audit.record(
            session, actor, "tier.granted", target=_target(owner), request=request,
            organization_id=owner.organization_id,
            detail={"product": product, "tier": tier, "reason": reason, "days": days},
        )  # fmt: skip
        key = untold.keep_spaces(session, product, before)
    telling.tell(host, key)


def take_back(request: Request, host: Host, actor: Actor, owner: Owner, *, product: str) -> None:
    """Take a given tier back; what the chain says otherwise holds again. An edge.

    Raises:
        NotFoundError: none was given.
    """
    product = product.replace("\0", "")
    before = _before(host, owner, product)
    with host.database.session(SYSTEM) as session:
        if not grants.take_back(session, owner, product):
            raise NotFoundError("No tier of this product was given here.")
        audit.record(
            session, actor, "tier.taken_back", target=_target(owner), request=request,
            organization_id=owner.organization_id, detail={"product": product},
        )  # fmt: skip
        key = untold.keep_spaces(session, product, before)
    telling.tell(host, key)


def _before(host: Host, owner: Owner, product: str) -> dict[UUID, str]:
    """Return the tier of each space of an owner; NotFoundError if there is no such owner."""
    with host.database.session(SYSTEM, readonly=True) as session:
        if owner.organization_id is not None:
            organizations.one(session, owner.organization_id)
        elif owner.user_id is not None:
            users.one(session, owner.user_id)
        spaces = spaces_of(session, owner)
    if product not in [each.key for each in host.registry.products]:
        return {}  # of a product that is not installed: nobody is to be told
    return telling.tiers_of(host, product, spaces)


def _target(owner: Owner) -> tuple[str, object]:
    if owner.organization_id is not None:
        return "organization", owner.organization_id
    return "user", owner.user_id


def _fault(field: str, message: str) -> InvalidError:
    return InvalidError("Nothing was given.", errors=[{"field": field, "message": message}])
