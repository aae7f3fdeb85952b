"""A double of model services: chat completions of OpenAI and messages of Anthropic, both streamed.

It keeps a ledger of what it was asked and what it charged, and makes the faults it is told to. What
it knows stands here with its source: the typed classes of the SDK (openai 3.54.0,
``types/chat/chat_completion_chunk.py``) and Anthropic's public reference of the messages API and
its streaming (version 2023-06-01), both read in November 2026.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from tests.support.asgi import serve

#: A key that must turn up nowhere but in requests to the double.
KEY = "sk-double-canary-0123456789abcdef"
#: Members that a request may have; another is an error, as with the real services.
_CHAT = {"model", "messages", "max_tokens", "max_completion_tokens", "stream", "stream_options",
         "temperature", "response_format"}  # fmt: skip
_MESSAGES = {"model", "messages", "max_tokens", "stream", "system", "temperature", "output_config"}
_OFFICE = "http://169.254.169.254/latest/meta-data/"


@dataclass
class Asked:
    """A request, and what it was charged for. A refused one costs nothing."""

    id: str
    path: str
    model: str
    key: str
    body: dict[str, Any]
    headers: dict[str, str]
    input_tokens: int = 0
    output_tokens: int = 0
    whole: bool = False
    over: bool = False  #: nothing more is written, for whatever reason
    fault: str = ""


@dataclass
class AIDouble:
    """Model services, on loopback.

    Attributes:
        answers: texts of the next answers; when there is none left, `text`.
        faults: taken by the next requests, "" for none: a status (``500``, ``429``, ``401``, …,
            with ``429 later`` one that asks to wait an hour), ``slow`` (nothing for `pause`
            seconds), ``stall`` (nothing after half of it), ``cut`` (the connection breaks in the
            middle), ``short`` (the stream ends in the middle), ``error`` (an error in the middle),
            ``garbage`` (an event that is no JSON), ``html``, ``huge`` and ``redirect``.
        takes_temperature: False: answers 400 to one, as newer models do.
    """

    url: str = ""
    text: str = "Spring is here. Plant something green."
    answers: deque[str] = field(default_factory=deque)
    faults: deque[str] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    pause: float = 3.0
    takes_temperature: bool = True

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator[AIDouble]:
        """Serve a double; its address is `url`."""
        double = cls()
        app = Starlette(routes=[
            Route("/v1/chat/completions", double._chat, methods=["POST"]),
            Route("/v1/messages", double._messages, methods=["POST"]),
        ])  # fmt: skip
        with serve(app) as url:
            double.url = url
            yield double

    @property
    def answered(self) -> list[Asked]:
        """The requests whose whole answer was sent."""
        return [each for each in self.asked if each.whole]

    # --- OpenAI ---

    async def _chat(self, request: Request) -> Response:
        entry, refusal = await self._enter(request, _CHAT, _openai_error)
        if refusal is not None:
            return refusal
        return _stream(self._chat_events(entry), entry)

    async def _chat_events(self, entry: Asked) -> AsyncIterator[str]:
        base = {"id": entry.id, "object": "chat.completion.chunk", "created": 1_763_900_000,
                "model": entry.model}  # fmt: skip

        def chunk(delta: dict[str, Any], reason: str | None = None) -> str:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
            return _data(base | {"choices": [choice], "usage": None})

        yield chunk({"role": "assistant", "content": ""})
        async for piece in self._pieces(entry):
            if piece is None:
                yield _data({"error": {"message": "overloaded", "type": "server_error"}})
                return
            yield chunk({"content": piece}) if piece else "data: {]}\n\n"
        if entry.fault == "short":
            return
        yield chunk({}, "stop")
        usage = {
            "prompt_tokens": entry.input_tokens, "completion_tokens": entry.output_tokens,
            "total_tokens": entry.input_tokens + entry.output_tokens,
            "prompt_tokens_details": {"cached_tokens": 0},
        }  # fmt: skip
        if entry.body.get("stream_options", {}).get("include_usage"):
            yield _data(base | {"choices": [], "usage": usage})
        entry.whole = True
        yield "data: [DONE]\n\n"

    # --- Anthropic ---

    async def _messages(self, request: Request) -> Response:
        if request.headers.get("anthropic-version") != "2023-06-01":
            return _anthropic_error(400, "invalid_request_error", "anthropic-version is required")
        entry, refusal = await self._enter(request, _MESSAGES, _anthropic_error)
        if refusal is not None:
            return refusal
        roles = {each["role"] for each in entry.body["messages"]}
        if "max_tokens" not in entry.body or not roles <= {"user", "assistant"}:
            entry.input_tokens = 0
            return _anthropic_error(400, "invalid_request_error", "max_tokens: Field required")
        return _stream(self._message_events(entry), entry)

    async def _message_events(self, entry: Asked) -> AsyncIterator[str]:
        message: dict[str, Any] = {
            "id": entry.id, "type": "message", "role": "assistant", "content": [],
            "model": entry.model, "stop_reason": None, "stop_sequence": None,
            "usage": {"input_tokens": entry.input_tokens, "cache_creation_input_tokens": 0,
                      "cache_read_input_tokens": 0, "output_tokens": 1},
        }  # fmt: skip
        yield _named("message_start", message=message)
        yield _named("content_block_start", index=0, content_block={"type": "text", "text": ""})
        yield _named("ping")
        async for piece in self._pieces(entry):
            if piece is None:
                yield _named("error", error={"type": "overloaded_error", "message": "Overloaded"})
                return
            delta = {"type": "text_delta", "text": piece}
            yield (
                _named("content_block_delta", index=0, delta=delta) if piece else "data: {]}\n\n"
            )
        if entry.fault == "short":
            return
        yield _named("content_block_stop", index=0)
        yield _named(
            "message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None},
            usage={"output_tokens": entry.output_tokens},
        )  # fmt: skip
        entry.whole = True
        yield _named("message_stop")

    # --- Both ---

    async def _enter(
        self, request: Request, members: set[str], refuse: Any
    ) -> tuple[Asked, Response | None]:
        body = await request.json()
        key = request.headers.get("x-api-key") or ""
        key = key or request.headers.get("authorization", "").removeprefix("Bearer ")
        fault = self.faults.popleft() if self.faults else ""
        entry = Asked(
            f"id-{len(self.asked) + 1}", request.url.path, body.get("model", ""), key, body,
            dict(request.headers), fault=fault,
        )  # fmt: skip
        self.asked.append(entry)
        if more := body.keys() - members:
            return entry, refuse(400, "invalid_request_error", f"Unrecognized: {sorted(more)}")
        if key != KEY:
            return entry, refuse(401, "authentication_error", f"Incorrect API key: {key}")
        if "temperature" in body and not self.takes_temperature:
            text = "`temperature` is deprecated for this model."
            return entry, refuse(400, "invalid_request_error", text)
        if fault[:3].isdigit():
            wait = {"retry-after": "3600" if fault.endswith("later") else "0"}
            answer = refuse(int(fault[:3]), "some_error", f"no, and your key is {key}")
            answer.headers.update(wait if fault.startswith("429") else {})
            return entry, answer
        if fault == "redirect":
            return entry, RedirectResponse(_OFFICE)
        if fault == "html":
            return entry, Response("<h1>Welcome to the proxy</h1>", media_type="text/html")
        if fault == "slow":
            await asyncio.sleep(self.pause)
        entry.input_tokens = sum(len(each["content"]) for each in body["messages"]) // 4 + 1
        return entry, None

    async def _pieces(self, entry: Asked) -> AsyncIterator[str | None]:
        """Yield the answer word by word; None: an error, "": garbage. Each word is a token."""
        try:
            async for piece in self._words(entry):
                yield piece
        finally:
            entry.over = True

    async def _words(self, entry: Asked) -> AsyncIterator[str | None]:
        if entry.fault == "huge":
            while True:
                entry.output_tokens += 1
                yield "x" * 65_536
                await asyncio.sleep(0)  # or nobody would notice that the other side has hung up
        text = self.answers.popleft() if self.answers else self.text
        words = text.split(" ")
        for n, word in enumerate(words):
            if n == (len(words) + 1) // 2:
                if entry.fault == "stall":
                    await asyncio.sleep(self.pause)
                elif entry.fault == "cut":
                    await asyncio.sleep(0.1)  # what was sent before it arrives
                    raise ConnectionAbortedError
                elif entry.fault == "short":
                    return
                elif entry.fault == "error":
                    yield None
                    return
                elif entry.fault == "garbage":
                    yield ""
                    return
            entry.output_tokens += 1
            yield word if n == 0 else f" {word}"
            await asyncio.sleep(0)


def _stream(events: AsyncIterator[str], entry: Asked) -> StreamingResponse:
    return StreamingResponse(
        events, media_type="text/event-stream",
        headers={"x-request-id": entry.id, "request-id": entry.id},
    )  # fmt: skip


def _data(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"


def _named(name: str, **data: Any) -> str:
    return f"event: {name}\n{_data({'type': name} | data)}"


def _openai_error(status: int, kind: str, message: str) -> JSONResponse:
    error = {"message": message, "type": kind, "param": None, "code": kind}
    return JSONResponse({"error": error}, status)


def _anthropic_error(status: int, kind: str, message: str) -> JSONResponse:
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return JSONResponse(error, status)
