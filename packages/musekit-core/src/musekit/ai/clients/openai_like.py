"""Chat completions, as OpenAI, xAI and many servers speak them, by the SDK of OpenAI, streamed.

Imports the SDK (a second, 60 MB): import this module inside functions.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

import openai

from musekit.ai.clients import faults
from musekit.ai.clients.schemas import strict
from musekit.kernel.outbound.client import Interrupted, NotSent, OutboundClient, Refused
from musekit.kernel.outbound.httpx_transport import HTTPError, make_httpx
from musekit.providers import AICall, AIConfig, AIEvent, Finish, ProviderFault, Text, Usage

#: The headers that are sent. The SDK would add those of its environment (an organization, a
#: project, whatever OPENAI_CUSTOM_HEADERS holds) and facts of this machine, for anybody's servers.
_SENT = frozenset({"authorization", "content-type", "accept", "user-agent"})
_REASONS = {"content_filter": "refused"}


async def stream(
    call: AICall,
    config: AIConfig,
    http: OutboundClient,
    *,
    temperature: bool,
    most: str,
    structured: bool,
) -> AsyncGenerator[AIEvent]:
    """Yield the answer to a call.

    Args:
        temperature: send it; some models do not take one.
        most: what the service calls the most tokens to write.
        structured: the service keeps to a schema; else it is asked for JSON in words.

    Raises:
        TemperatureRefusedError: the model takes no temperature.
        ProviderFault: there is no answer, or not all of it.
    """
    wire = make_httpx(
        http, first_byte_timeout=config.first_token_seconds, total_timeout=config.timeout_seconds,
        headers=_SENT,
    )  # fmt: skip
    client = openai.AsyncOpenAI(
        api_key=config.api_key.get_secret_value() or "none", admin_api_key="",
        base_url=config.base_url, http_client=wire, max_retries=0,
    )  # fmt: skip
    body = _body(call, config, temperature=temperature, most=most, structured=structured)
    try:
        async with client:
            answer = await client.chat.completions.create(**body)
            async with contextlib.aclosing(_events(answer)) as events:
                async for event in events:
                    yield event
    except (openai.OpenAIError, HTTPError, json.JSONDecodeError) as error:
        if temperature and _is_about_temperature(error):
            raise faults.TemperatureRefusedError from error
        raise _fault(error) from error


def _body(
    call: AICall, config: AIConfig, *, temperature: bool, most: str, structured: bool
) -> dict[str, Any]:
    messages = [{"role": each.role, "content": each.content} for each in call.messages]
    body: dict[str, Any] = {
        "model": config.model, "messages": messages, most: call.max_tokens, "stream": True,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
    if temperature:
        body["temperature"] = call.temperature
    if call.schema is not None:
        schema = strict(call.schema)
        if structured:
            shape = {"name": call.schema.__name__, "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": shape}
        else:
            body["response_format"] = {"type": "json_object"}
            wish = f"Answer with one JSON object of this schema, and nothing else:\n{schema}"
            messages.insert(0, {"role": "system", "content": wish.replace("'", '"')})
    return body


async def _events(answer: Any) -> AsyncGenerator[AIEvent]:
    name = answer.response.headers.get("x-request-id", "")
    reason = ""
    async with answer:
        async for chunk in answer:
            for choice in chunk.choices or ():
                if choice.delta is not None and choice.delta.content:
                    yield Text(choice.delta.content)
                reason = choice.finish_reason or reason
            if (used := chunk.usage) is not None:
                details = used.prompt_tokens_details
                yield Usage(
                    used.prompt_tokens or 0, used.completion_tokens or 0,
                    (details.cached_tokens if details is not None else 0) or 0,
                    name or chunk.id or "",
                )  # fmt: skip
    if not reason:
        raise ProviderFault("malformed", "the stream ended before the answer did")
    yield Finish(_REASONS.get(reason, reason))


def _is_about_temperature(error: Exception) -> bool:
    return (
        isinstance(error, openai.BadRequestError)
        and b"temperature" in error.response.content
    )  # fmt: skip


def _fault(error: Exception) -> ProviderFault:
    """Return what an error of the SDK means, in words of ours."""
    if isinstance(error, openai.APIStatusError):
        found = error.response
        return faults.of_status(found.status_code, found.headers, found.content)
    cause: BaseException | None = error
    while cause is not None:  # what our own way out has said
        if isinstance(cause, Refused):
            return ProviderFault("rejected", str(cause))
        if isinstance(cause, NotSent | Interrupted):
            return ProviderFault("unreachable", str(cause))
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, openai.APIConnectionError):
        return ProviderFault("unreachable", type(error).__name__)
    if isinstance(error, openai.APIError):  # an error inside of the stream
        return ProviderFault("busy", faults.plain(error.code or error.type))
    return ProviderFault("malformed", type(error).__name__)
