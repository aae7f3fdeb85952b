"""What the JSON routes of webhooks take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from musekit.kernel.web.schemas import Input, Output

State = Literal["pending", "sending", "delivered", "failed", "dropped"]


class NewWebhook(Input):
    """An endpoint to be made."""

    url: str = Field(max_length=2000, description="https address that is told")
    events: list[str] = Field(
        min_length=1, max_length=200, description="see `/api/webhooks/events`; `*`: every one"
    )
    description: str = Field("", max_length=200)
    enabled: bool = True


class WebhookChanges(Input):
    """What may be changed; what is absent stays."""

    url: str | None = Field(None, max_length=2000)
    events: list[str] | None = Field(None, min_length=1, max_length=200)
    description: str | None = Field(None, max_length=200)
    enabled: bool | None = None


class Rotation(Input):
    """How the secret is changed."""

    at_once: bool = Field(
        False, description="the old one ends now; else it signs beside the new one for 24 hours"
    )


class TestOfWebhook(Input):
    """What is sent as a test."""

    event: str = Field("", max_length=200, description="whose sample; empty: the first one taken")


class EventOut(BaseModel):
    """An event that can be told."""

    event: str
    label: str
    sample: dict[str, Any] = Field(description="the `data` of such a message, made up")


class EventList(BaseModel):
    """The events of what is installed."""

    items: list[EventOut]


class WebhookOut(BaseModel):
    """An endpoint."""

    id: UUID
    url: str
    events: list[str]
    description: str
    enabled: bool
    disabled_reason: str | None = Field(description="person, gone, failing or operator")
    failing_since: datetime | None
    rotating_until: datetime | None = Field(
        description="until then what is sent is signed under the secret before, too"
    )
    created_at: datetime


class WebhookList(BaseModel):
    """The endpoints of the space."""

    items: list[WebhookOut]


class WebhookMade(WebhookOut):
    """An endpoint with its secret, which is in this answer and nowhere else."""

    signing_secret: str


class TryOut(BaseModel):
    """One try."""

    at: datetime
    status: int | None
    error: str
    ms: int


class DeliveryOut(BaseModel):
    """A message on its way to an endpoint, or there."""

    id: UUID
    message_id: str = Field(description="the `webhook-id` that the receiver is sent")
    event: str
    state: State
    attempts: int
    next_attempt_at: datetime | None
    status: int | None = Field(description="HTTP status of the last answer")
    error: str | None = Field(
        description="of the last try: status, redirect, gone, timeout, unreachable, tls, broken,"
        " unreadable"
    )
    ms: int | None
    tries: list[TryOut]
    delivered_at: datetime | None
    created_at: datetime


class DeliveryList(BaseModel):
    """A page of the log, the newest first."""

    items: list[DeliveryOut]
    next_cursor: str | None


class TestOut(BaseModel):
    """How a test went."""

    delivery_id: UUID
    message_id: str
    event: str
    delivered: bool
    status: int | None
    error: str
    ms: int


class AdminWebhook(Output):
    """An endpoint, as the operator sees it: the host, for the path may hold a key."""

    id: UUID
    host: str
    space: str = Field(description="its name")
    enabled: bool
    disabled_reason: str | None
    failing_since: datetime | None
    created_at: datetime
    waiting: int = Field(description="deliveries that are still to be made")


class AdminWebhookList(BaseModel):
    """Endpoints of all spaces, the newest first."""

    items: list[AdminWebhook]
    next_cursor: str | None


class WebhookNumbers(Output):
    """How deliveries of all spaces go."""

    endpoints: int
    failing: int
    off: int
    overdue: int = Field(description="deliveries whose time has come")
    by_state: dict[str, int] = Field(description="deliveries of the last day")
