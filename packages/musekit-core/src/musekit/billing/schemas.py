"""What the routes of billing take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from musekit.kernel.web.schemas import Input, Output

#: A product's key, and an id of Stripe's: no other letters are looked for in the database.
Key = Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9_.-]+$")]
StripeId = Annotated[str, Field(max_length=255, pattern=r"^[A-Za-z0-9_]*$")]


class SubscriptionOut(Output):
    """A subscription as Stripe had it at the last look."""

    id: str
    product: str | None
    tier: str | None
    status: str = Field(description="as Stripe calls it: `active`, `trialing`, `past_due` …")
    currency: str
    unit_amount: int | None = Field(description="in the currency's smallest unit")
    interval: str
    current_period_end: datetime | None
    cancel_at_period_end: bool
    cancel_at: datetime | None
    trial_end: datetime | None
    next_price_id: str | None = Field(description="a change that is planned: to this price …")
    changes_at: datetime | None = Field(description="… at this time")


class BillingOut(BaseModel):
    """How the space's plans are paid."""

    configured: bool = Field(description="whether things can be bought here")
    subscriptions: list[SubscriptionOut]


class PriceOut(Output):
    """A price that can be bought."""

    id: str
    product: str
    tier: str
    currency: str
    unit_amount: int | None
    interval: str
    interval_count: int
    trial_days: int | None
    nickname: str


class PriceList(BaseModel):
    """What is on sale."""

    items: list[PriceOut]
    next_cursor: None = None


class CheckoutIn(Input):
    """What to buy."""

    product: Key
    price: StripeId = Field(description="id of a price of the list")


class ChangeIn(CheckoutIn):
    """What to change to."""

    at: int | None = Field(
        None, description="of the preview that was shown: the amount is that one, for 15 minutes"
    )


class ProductIn(Input):
    """The product that it is about."""

    product: Key


class PreviewOut(BaseModel):
    """What a change would cost."""

    at: int = Field(description="the second it is worked out for; send it with the change")
    at_once: bool = Field(description="false: it holds when the paid time is over")
    prorated: int = Field(description="for the rest of the paid time; below zero is a credit")
    total: int = Field(description="of the invoice on which that stands, in the smallest unit")
    currency: str
    when: datetime = Field(description="when that invoice is due")


class Page(BaseModel):
    """Where the person goes on."""

    url: str


class Received(BaseModel):
    """The event is kept."""

    received: bool = True
