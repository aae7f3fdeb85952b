"""What the operator may give by hand, and has given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field, field_validator
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.listing import Listed, newest_first
from musekit.organizations.models import Organization
from musekit.products import tiers
from musekit.products.models import ProductGrant
from musekit.products.owners import Owner

State = Literal["all", "in force", "over"]
#: Spaces looked at to say how many have which tier.
MOST_COUNTED = 2000
#: A longer time is for good.
MOST_DAYS = 3660


class GrantForm(BaseModel):
    """What the form sends; no days: until it is taken back."""

    product: str = ""
    tier: str = ""
    reason: str = ""
    days: int | None = Field(None, ge=1, le=MOST_DAYS)

    @field_validator("days", mode="before")
    @classmethod
    def _no_days(cls, value: object) -> object:
        return None if value == "" else value


def choices(host: Host) -> dict[str, list[tuple[str, str]]]:
    """Return (key, label) of each tier that may be given, by product."""
    return {
        product.key: [(each.key, each.label) for each in tiers.definitions(host, product.key)]
        for product in host.registry.products
    }


def grants_of(session: Session, owner: Owner) -> Sequence[ProductGrant]:
    """Return what was given to an owner, by product. Runs as the system."""
    return session.scalars(
        select(ProductGrant).where(owner.owns(ProductGrant)).order_by(ProductGrant.product)
    ).all()


def page(
    session: Session, host: Host, product: str, *, state: State = "all", after: str = ""
) -> Listed[ProductGrant]:
    """Return what was given of a product, the newest first. Runs as the system."""
    query, now = select(ProductGrant).where(ProductGrant.product == product), utc_now()
    if state == "in force":
        query = query.where(or_(ProductGrant.ends_at.is_(None), ProductGrant.ends_at > now))
    elif state == "over":
        query = query.where(ProductGrant.ends_at <= now)
    return newest_first(
        session, host, query, ProductGrant.created_at, ProductGrant.id, after=after
    )  # fmt: skip


def names_of(session: Session, grants: Sequence[ProductGrant]) -> dict[UUID, str]:
    """Return the name of each organization among the owners of some grants."""
    ids = {each.organization_id for each in grants if each.organization_id is not None}
    if not ids:
        return {}
    rows = session.execute(
        select(Organization.id, Organization.name).where(Organization.id.in_(ids))
    )
    return {row.id: row.name for row in rows}
