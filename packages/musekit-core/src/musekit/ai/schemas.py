"""What the JSON routes of the language models take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from musekit.ai.models import AICallRecord
from musekit.kernel.web.schemas import Input


class MessageIn(Input):
    """One message of the conversation."""

    role: Literal["system", "user", "assistant"]
    content: str = Field(min_length=1, max_length=100_000)


class CallIn(Input):
    """What is asked."""

    messages: list[MessageIn] = Field(min_length=1, max_length=100)
    purpose: str = Field(
        "api", max_length=40, pattern=r"^[a-z][a-z0-9_-]*$", description="stands in the ledger"
    )
    product: str = Field(
        "",
        max_length=100,
        description="whose allowance it counts against; none: the first",
        pattern=r"^[\w.-]*$",
    )
    max_tokens: int = Field(1024, ge=1, le=32_000)
    temperature: float = Field(0.7, ge=0, le=2)


class UsageOfCall(BaseModel):
    """Tokens, as the service counted them."""

    read: int
    written: int
    cached: int = Field(description="of those read")


class AnswerOut(BaseModel):
    """An answer, and where it is from."""

    call_id: UUID
    text: str
    source: Literal["provider", "offline"] = Field(
        description="`offline`: rules of this application wrote it; no model was asked"
    )
    ai_generated: bool
    provider: str
    model: str
    reason: str = Field(description="why it ended: stop, length, refused")
    usage: UsageOfCall | None
    cost_micros: int | None = Field(
        description="millionths of a dollar; null: the price of the model is not known"
    )


class StateOut(BaseModel):
    """Who answers here."""

    source: Literal["provider", "offline"]
    ai_generated: bool
    provider: str
    model: str
    own: bool = Field(description="the organization's own account pays; no plan limits it")
    problem: str | None = Field(description="why what is set up cannot be used")


class CallOut(BaseModel):
    """A call in the ledger."""

    id: UUID
    user_id: UUID | None
    product: str
    purpose: str
    provider: str
    model: str
    source: str
    own: bool
    state: str = Field(description="started, done, failed, or cut in the middle")
    fault: str | None
    read: int | None = Field(description="tokens, as the service counted them")
    written: int | None
    cost_micros: int | None
    first_ms: int | None = Field(description="until the answer began")
    duration_ms: int | None
    started_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, row: AICallRecord) -> Self:
        """Return a row of the ledger as data."""
        return cls(
            id=row.id, user_id=row.user_id, product=row.product, purpose=row.purpose,
            provider=row.provider, model=row.model, source=row.source, own=row.own_key,
            state=row.state, fault=row.error_class, read=row.input_tokens,
            written=row.output_tokens, cost_micros=row.cost_micros, first_ms=row.first_token_ms,
            duration_ms=row.duration_ms, started_at=row.started_at, finished_at=row.finished_at,
        )  # fmt: skip


class CallList(BaseModel):
    """Calls, the newest first."""

    items: list[CallOut]
    next_cursor: str | None
