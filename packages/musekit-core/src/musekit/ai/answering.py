"""Asking a service: time limits, further tries before the first token, answers of a shape.

No database here, and no unit of work is open while this runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace

from pydantic import BaseModel, ValidationError

from musekit.ai.choosing import Choice
from musekit.kernel.outbound.client import Interrupted, NotSent, OutboundClient, Refused
from musekit.providers import AICall, AIEvent, Message, ProviderFault, Text, Usage

#: Longest wait that a service may ask for before a further try; else it is told to the caller.
LONGEST_WAIT = 20.0
_AGAIN = ("unreachable", "busy")
#: Characters of a faulty answer that are shown to the model again.
_SHOWN = 20_000


@dataclass
class Progress:
    """What has come of an answer."""

    began: float = field(default_factory=time.monotonic)
    text: list[str] = field(default_factory=list)
    usage: Usage | None = None
    reason: str = ""
    first_token_ms: int | None = None
    #: Tokens of answers that were thrown away: they are paid for all the same.
    before: Usage | None = None

    def take(self, event: AIEvent) -> None:
        """Take in an event."""
        if isinstance(event, Text):
            self.text.append(event.delta)
            if self.first_token_ms is None:
                self.first_token_ms = self.passed_ms
        elif isinstance(event, Usage):
            self.usage = event
        else:
            self.reason = event.reason

    def again(self) -> None:
        """Begin anew, for the answer had another shape; what it has used stays counted."""
        self.before, self.usage = self.total, None
        self.text.clear()

    @property
    def passed_ms(self) -> int:
        """Milliseconds since the beginning."""
        return round((time.monotonic() - self.began) * 1000)

    @property
    def total(self) -> Usage | None:
        """What all of it has used, as far as the service has said."""
        if self.before is None or self.usage is None:
            return self.usage or self.before
        return replace(
            self.usage,
            input_tokens=self.before.input_tokens + self.usage.input_tokens,
            output_tokens=self.before.output_tokens + self.usage.output_tokens,
            cached_tokens=self.before.cached_tokens + self.usage.cached_tokens,
        )


async def answer(
    choice: Choice, call: AICall, http: OutboundClient, *, retries: int
) -> AsyncGenerator[AIEvent]:
    """Yield the answer of a service.

    Until something of it has come it is asked again, where that may help; never after.

    Raises:
        ProviderFault: there is no answer, or not all of it.
    """
    ends = time.monotonic() + choice.config.timeout_seconds
    for left in range(retries, -1, -1):
        begun = False
        try:
            async with contextlib.aclosing(_once(choice, call, http, ends)) as events:
                async for event in events:
                    begun = begun or isinstance(event, Text)
                    yield event
        except ProviderFault as fault:
            wait = _wait(fault, retries - left)
            over = time.monotonic() + wait >= ends
            if begun or not left or fault.kind not in _AGAIN or wait > LONGEST_WAIT or over:
                raise
            await asyncio.sleep(wait)
        else:
            return


async def _once(
    choice: Choice, call: AICall, http: OutboundClient, ends: float
) -> AsyncGenerator[AIEvent]:
    """Yield an answer within its time limits; every failure is a `ProviderFault`."""
    config = choice.config
    first = min(time.monotonic() + config.first_token_seconds, ends)
    left = replace(config, timeout_seconds=max(0.01, ends - time.monotonic()))
    events = choice.provider.stream(call, left, http)
    token = False
    try:
        while True:
            limit = ends if token else first
            try:
                async with asyncio.timeout(max(0.0, limit - time.monotonic())):
                    event = await anext(events)
            except StopAsyncIteration:
                return
            token = token or isinstance(event, Text)
            yield event
    except ProviderFault:
        raise
    except Refused as error:
        raise ProviderFault("rejected", str(error)) from error
    except (NotSent, Interrupted) as error:
        raise ProviderFault("unreachable", str(error)) from error
    except TimeoutError as error:
        raise ProviderFault("unreachable", "no answer in time") from error
    except Exception as error:  # of a plugin: its fault must not look like one of ours
        raise ProviderFault("malformed", type(error).__name__) from error
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


def _wait(fault: ProviderFault, tries: int) -> float:
    """Return seconds to wait before a further try: as asked for, else growing, a random part."""
    if fault.retry_after is not None:
        return fault.retry_after
    return random.uniform(0.2, 1.0) * min(8.0, 0.5 * 2.0**tries)  # noqa: S311 - no secret


async def whole(
    choice: Choice, call: AICall, http: OutboundClient, progress: Progress, *, retries: int
) -> BaseModel | None:
    """Take in a whole answer; return it in its shape, if it has one.

    An answer of another shape is shown to the model once, with what is wrong.

    Raises:
        ProviderFault: there is no answer, or not all of it, or its shape is wrong twice.
    """
    asked = call
    for last in (False, True):
        async with contextlib.aclosing(answer(choice, asked, http, retries=retries)) as events:
            async for event in events:
                progress.take(event)
        if call.schema is None:
            return None
        text = "".join(progress.text)
        try:
            return call.schema.model_validate_json(_json_of(text))
        except ValidationError as error:
            if last or progress.reason in {"refused", "length"}:
                raise ProviderFault("malformed", "not of the shape asked for") from error
            progress.again()
            asked = _repaired(call, text, error)
    return None


def _repaired(call: AICall, text: str, error: ValidationError) -> AICall:
    """Return the call with the faulty answer and what is wrong with it."""
    wrong = "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'answer'}: {each['msg']}"
        for each in error.errors(include_url=False, include_input=False)[:20]
    )
    told = f"That is not valid: {wrong}. Answer again, with the corrected JSON object alone."
    messages = [
        *call.messages,
        Message(role="assistant", content=text[:_SHOWN] or "{}"),
        Message(role="user", content=told),
    ]
    return replace(call, messages=messages)


def _json_of(text: str) -> str:
    """Return the JSON of an answer that may stand in a Markdown fence."""
    text = text.strip()
    if text.startswith("```"):
        text = text.partition("\n")[2].rpartition("```")[0]
    return text.strip()
