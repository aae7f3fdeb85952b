"""The services that the core knows: OpenAI, xAI, Anthropic, and whatever speaks like OpenAI."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial

from musekit.ai.clients.faults import TemperatureRefusedError
from musekit.kernel.outbound.client import OutboundClient
from musekit.providers import AICall, AIConfig, AIEvent, AIProvider


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What is alike in all of them."""

    key: str
    label: str
    needs_key: bool = True
    default_model: str = ""
    structured: bool = True
    #: Base address and model of those that were found to take no temperature, in this process.
    _plain: set[tuple[str, str]] = field(default_factory=set, repr=False, compare=False)

    def stream(
        self, call: AICall, config: AIConfig, http: OutboundClient
    ) -> AsyncIterator[AIEvent]:
        """Yield the answer as it comes; see `AIProvider.stream`."""
        return self._stream(call, config, http)

    async def _stream(
        self, call: AICall, config: AIConfig, http: OutboundClient
    ) -> AsyncGenerator[AIEvent]:
        ask = self._client()
        model = config.base_url, config.model
        for temperature in (True, False) if model not in self._plain else (False,):
            try:
                async with contextlib.aclosing(
                    ask(call, config, http, temperature=temperature)
                ) as events:
                    async for event in events:
                        yield event
            except TemperatureRefusedError:
                # Said before anything was written, and costs nothing.
                self._plain.add(model)
            else:
                return

    def prepare(self) -> None:
        """Import what takes long."""
        self._client()

    def _client(self) -> Callable[..., AsyncGenerator[AIEvent]]:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class OpenAILike(_Known):
    """A service that speaks chat completions."""

    most: str = "max_tokens"  #: what it calls the most tokens to write

    def _client(self) -> Callable[..., AsyncGenerator[AIEvent]]:
        from musekit.ai.clients import openai_like

        return partial(openai_like.stream, most=self.most, structured=self.structured)


@dataclass(frozen=True, kw_only=True)
class Anthropic(_Known):
    """The native API of Anthropic."""

    def _client(self) -> Callable[..., AsyncGenerator[AIEvent]]:
        from musekit.ai.clients import anthropic

        return anthropic.stream


def known() -> list[AIProvider]:
    """Return the providers of the core. Their usual models are cheap ones of November 2026."""
    return [
        OpenAILike(
            key="openai", label="OpenAI", default_model="gpt-6-luna", most="max_completion_tokens"
        ),
        OpenAILike(key="xai", label="xAI", default_model="grok-4-fast-non-reasoning"),
        Anthropic(key="anthropic", label="Anthropic", default_model="claude-haiku-5-5"),
        # Many of these servers keep to no schema, and some ask for no key.
        OpenAILike(
            key="compatible", label="Compatible with OpenAI", needs_key=False, structured=False
        ),
    ]
