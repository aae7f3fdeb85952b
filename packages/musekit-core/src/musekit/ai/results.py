"""What an answered call is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from musekit.errors import ConflictError, MuseKitError
from musekit.providers import Usage

Source = Literal["provider", "offline"]


@dataclass(frozen=True, kw_only=True)
class AIResult:
    """An answer, and where it is from.

    Attributes:
        parsed: the answer in the shape that was asked for, if one was.
        source: ``offline``: written by rules of ours, and no model was asked.
        ai_generated: a model has written it.
        usage: tokens as the provider counted them; None: it did not say, or none was asked.
        cost_micros: millionths of a dollar; None: the price of the model is not known.
        reason: why it ended: ``stop``, ``length`` (it is cut at the most tokens), ``refused``.
    """

    text: str
    parsed: BaseModel | None
    source: Source
    ai_generated: bool
    provider: str
    model: str
    usage: Usage | None
    cost_micros: int | None
    call_id: UUID
    reason: str = "stop"


class NoModelError(ConflictError):
    """No language model is set up, and nothing else can answer this call."""

    code, title = "no-model", "No language model is set up"


class AnswerError(MuseKitError):
    """The model service did not give a usable answer."""

    status, code, title = 502, "ai-failed", "The model service did not answer properly"
