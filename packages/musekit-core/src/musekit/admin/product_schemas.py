"""What the operator's JSON routes take and give about products and their tiers."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field, StrictInt

from musekit.admin.defining import Preview
from musekit.declarations import Product, Tier
from musekit.kernel.web.schemas import Input, Output
from musekit.products.editing import InForce


class TierDefinitionIn(Input):
    """A tier, in the shape in which definitions are stored and documented."""

    key: str = Field(max_length=100)
    label: str = Field("", max_length=100, description="empty: the key")
    rank: StrictInt = Field(ge=0, le=10**6, description="the lowest is the free floor")
    limits: dict[str, StrictInt | None] = Field(
        default_factory=dict, max_length=200,
        description="null is unlimited; a limit that is left out is 0",
    )  # fmt: skip

    def tier(self, product: Product) -> Tier:
        """Return it as a tier of a product."""
        return Tier(
            product=product.key, key=self.key, label=self.label or self.key, rank=self.rank,
            limits=dict(self.limits),
        )  # fmt: skip


class TierDefinition(Output):
    """A tier; what the operator has defined elsewhere need not keep to what is taken here."""

    key: str
    label: str
    rank: int
    limits: dict[str, int | None]


class Definitions(Input):
    """The tiers that a product is to have."""

    tiers: list[TierDefinitionIn] | None = Field(
        max_length=100, description="null: those that the product declares"
    )

    def chosen(self, product: Product) -> tuple[Tier, ...] | None:
        """Return them as tiers of a product."""
        return None if self.tiers is None else tuple(each.tier(product) for each in self.tiers)


class ChangeOfTiers(Definitions):
    """A change of a product's tiers."""

    seen: str = Field(
        max_length=100, description="`mark` of what they were made from: if somebody has changed"
        " them meanwhile, nothing is changed"
    )  # fmt: skip


class AdminProduct(BaseModel):
    """A product and its tiers."""

    product: str
    name: str
    summary: str
    plugin: str
    default_tier: str
    whence: str = Field(description="where the tiers come from, in words")
    own: bool = Field(description="the operator has defined some, whether or not they are usable")
    mark: str = Field(description="stale as soon as the tiers are changed")
    tiers: list[TierDefinition]

    @classmethod
    def of(cls, product: Product, now: InForce, plugin: str) -> Self:
        """Return a product as data."""
        return cls(
            product=product.key, name=product.name, summary=product.summary, plugin=plugin,
            default_tier=product.default_tier, whence=now.whence, own=now.own, mark=now.mark,
            tiers=[TierDefinition.model_validate(each) for each in now.tiers],
        )  # fmt: skip


class AdminProductList(BaseModel):
    """The installed products; it is one page."""

    items: list[AdminProduct]
    next_cursor: None = None


class Held(BaseModel):
    """How many spaces have a tier."""

    tier: str
    spaces: int


class LimitName(BaseModel):
    """A limit that tiers of a product may have."""

    limit: str
    label: str


class AdminProductDetail(BaseModel):
    """One product: its tiers, the limits they may have, and how many spaces have which."""

    product: AdminProduct
    limits: list[LimitName]
    held: list[Held]
    more: bool = Field(description="there are more spaces than were counted")


class DifferenceOut(Output):
    """A limit, or a label, that would be another."""

    tier: str
    limit: str
    before: str
    after: str


class ShiftOut(Output):
    """Spaces that would move from one tier to another; tiers by their labels."""

    before: str
    after: str
    spaces: int


class PreviewOfTiers(BaseModel):
    """What a change would do; tiers by their labels."""

    added: list[str]
    removed: list[str]
    differences: list[DifferenceOut]
    shifts: list[ShiftOut]
    more: bool = Field(description="more spaces would move than were counted")

    @classmethod
    def of(cls, found: Preview) -> Self:
        """Return a preview as data."""
        return cls(
            added=list(found.added), removed=list(found.removed), more=found.more,
            differences=[DifferenceOut.model_validate(each) for each in found.differences],
            shifts=[ShiftOut.model_validate(each) for each in found.shifts],
        )  # fmt: skip


class Moved(BaseModel):
    """What a change has done."""

    spaces: int = Field(description="that have another tier now")
    mark: str = Field(description="of the tiers as they are now")
