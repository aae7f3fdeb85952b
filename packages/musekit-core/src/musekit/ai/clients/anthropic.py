"""The messages API of Anthropic, version 2023-06-01, streamed.

Facts (docs.claude.com/en/api/messages and its page on streaming, read in November 2026):
``message_start`` tells what was read, ``message_delta`` the reason to stop and what was written so
far, cumulative; ``error`` may come in the middle; text comes as ``text_delta``. ``input_tokens``
leaves out what came from a cache. A schema goes into ``output_config.format``. Models from Opus 4.7
on answer 400 to a temperature.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from musekit.ai.clients import faults, sse
from musekit.ai.clients.schemas import strict
from musekit.kernel.outbound.client import OutboundClient
from musekit.kernel.outbound.streaming import StreamedResponse
from musekit.providers import AICall, AIConfig, AIEvent, Finish, ProviderFault, Text, Usage

VERSION = "2023-06-01"
_REASONS = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length",
            "model_context_window_exceeded": "length", "refusal": "refused"}  # fmt: skip
#: Words of errors that come inside of a stream, as statuses.
_BUSY = {"overloaded_error", "api_error", "rate_limit_error", "timeout_error"}


async def stream(
    call: AICall, config: AIConfig, http: OutboundClient, *, temperature: bool
) -> AsyncGenerator[AIEvent]:
    """Yield the answer to a call.

    Args:
        temperature: send it; some models do not take one.

    Raises:
        TemperatureRefusedError: the model takes no temperature.
        ProviderFault: there is no answer, or not all of it.
    """
    async with http.stream(
        "POST", f"{config.base_url}/v1/messages",
        headers={
            "x-api-key": config.api_key.get_secret_value(), "anthropic-version": VERSION,
            "accept": "text/event-stream", "accept-encoding": "identity",
        },
        json=_body(call, config, temperature=temperature),
        first_byte_timeout=config.first_token_seconds, total_timeout=config.timeout_seconds,
    ) as answer:  # fmt: skip
        if answer.status_code != 200:
            body = await answer.aread(64 * 1024)
            if temperature and answer.status_code == 400 and b"temperature" in body:
                raise faults.TemperatureRefusedError
            raise faults.of_status(answer.status_code, answer.headers, body)
        async with contextlib.aclosing(_events(answer)) as events:
            async for event in events:
                yield event


def _body(call: AICall, config: AIConfig, *, temperature: bool) -> dict[str, Any]:
    system = "\n\n".join(each.content for each in call.messages if each.role == "system")
    body: dict[str, Any] = {
        "model": config.model, "max_tokens": call.max_tokens, "stream": True,
        "messages": [
            {"role": each.role, "content": each.content}
            for each in call.messages
            if each.role != "system"
        ],
    }  # fmt: skip
    if system:
        body["system"] = system
    if temperature:
        body["temperature"] = min(call.temperature, 1.0)
    if call.schema is not None:
        body["output_config"] = {"format": {"type": "json_schema", "schema": strict(call.schema)}}
    return body


async def _events(answer: StreamedResponse) -> AsyncGenerator[AIEvent]:
    read = cached = written = 0
    name, reason, ended = answer.headers.get("request-id", ""), "stop", False
    async with contextlib.aclosing(sse.events(answer.aiter_bytes())) as events:
        async for _, text in events:
            data = _object(text)
            match data.get("type"):
                case "message_start":
                    used = _within(_within(data, "message"), "usage")
                    cached = _number(used, "cache_read_input_tokens")
                    read = cached + _number(used, "input_tokens")
                    read += _number(used, "cache_creation_input_tokens")
                    written = _number(used, "output_tokens")
                    yield Usage(read, written, cached, name)
                case "content_block_delta":
                    delta = _within(data, "delta")
                    if delta.get("type") == "text_delta" and isinstance(delta.get("text"), str):
                        yield Text(delta["text"])
                case "message_delta":
                    reason = str(_within(data, "delta").get("stop_reason") or reason)
                    written = _number(_within(data, "usage"), "output_tokens") or written
                    yield Usage(read, written, cached, name)
                case "message_stop":
                    ended = True
                case "error":
                    word = faults.word(text.encode())
                    raise ProviderFault("busy" if word in _BUSY else "rejected", word)
    if not ended:
        raise ProviderFault("malformed", "the stream ended before the message did")
    yield Finish(_REASONS.get(reason, reason))


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ProviderFault("malformed", "an event is not JSON") from None
    if not isinstance(found, dict):
        raise ProviderFault("malformed", "an event is not an object")
    return found


def _within(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def _number(data: Mapping[str, Any], name: str) -> int:
    found = data.get(name)
    return found if isinstance(found, int) and found > 0 else 0
