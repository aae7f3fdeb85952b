"""``/api/ai``: who answers, the ledger, and asking."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from musekit.ai import ledger, offline, service, state
from musekit.ai import schemas as s
from musekit.ai.models import AICallRecord
from musekit.ai.results import AIResult
from musekit.ai.streaming import AIStream, stream
from musekit.errors import MuseKitError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.listing import newest_first
from musekit.kernel.ratelimit.policies import AI
from musekit.kernel.web.access import HostDep, ReadSession, requires
from musekit.providers import AICall, Message, Text

router = APIRouter(prefix="/api/ai", tags=["AI"])

Asker = Annotated[Actor, requires("ai.use")]
#: Every call costs somebody money.
Asking = Annotated[Actor, requires("ai.use", limit=AI)]
Manager = Annotated[Actor, requires("ai.settings.write")]


@router.get("")
def get_state(host: HostDep, actor: Asker) -> s.StateOut:
    """Say who answers in this space: a model, and which, or the offline drafter."""
    assert actor.space_id is not None
    return state.of_space(host, actor.space_id)


@router.get("/calls")
def list_calls(
    host: HostDep,
    actor: Manager,
    session: ReadSession,
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> s.CallList:
    """List the calls of this space, with tokens and cost."""
    found = newest_first(
        session, host, ledger.calls(actor.space_id), AICallRecord.started_at, AICallRecord.id,
        after=cursor,
    )  # fmt: skip
    return s.CallList(items=[s.CallOut.of(each) for each in found.items], next_cursor=found.next)


@router.post("/complete")
def complete(host: HostDep, actor: Asking, body: s.CallIn) -> s.AnswerOut:
    """Ask, and get the whole answer. Without a model the offline drafter answers, and says so."""
    return _out(service.complete(host, actor, _call(host, body), offline=offline.draft))


@router.post(
    "/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def stream_answer(host: HostDep, actor: Asking, body: s.CallIn) -> StreamingResponse:
    """Ask, and get the answer as it is written.

    Server-sent events: ``start`` (who writes), ``text`` (a piece), then ``done`` (the whole, as of
    `complete`) or ``error`` (a problem document; what came before it is not the whole answer).
    """
    answer = stream(host, actor, _call(host, body), offline=offline.draft)
    await answer.__aenter__()  # left by the response, however that ends
    return _Events(answer)


class _Events(StreamingResponse):
    """An answer as server-sent events; the call ends with the response."""

    def __init__(self, answer: AIStream) -> None:
        self._answer = answer
        super().__init__(
            _lines(answer), media_type="text/event-stream",
            # The second is for nginx, which would keep events back.
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._answer.aclose()


async def _lines(answer: AIStream) -> AsyncIterator[str]:
    choice = answer.opened.choice
    yield _event(
        "start", source=answer.source, ai_generated=choice is not None,
        provider=choice.provider.key if choice else "offline",
        model=choice.config.model if choice else "", call_id=str(answer.opened.id),
    )  # fmt: skip
    try:
        async for event in answer:
            if isinstance(event, Text):
                yield _event("text", delta=event.delta)
    except MuseKitError as error:
        yield _event(
            "error", type="about:blank", title=error.title, status=error.status, code=error.code,
            detail=error.detail, **error.extra,
        )  # fmt: skip
        return
    assert answer.result is not None
    yield _event("done", **_out(answer.result).model_dump(mode="json"))


def _event(name: str, **data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def _call(host: Host, body: s.CallIn) -> AICall:
    first = next((each.key for each in host.registry.products), "")
    return AICall(
        purpose=body.purpose, product=body.product or first,
        messages=[Message(role=each.role, content=each.content) for each in body.messages],
        max_tokens=body.max_tokens, temperature=body.temperature,
    )  # fmt: skip


def _out(result: AIResult) -> s.AnswerOut:
    used = result.usage
    return s.AnswerOut(
        call_id=result.call_id, text=result.text, source=result.source,
        ai_generated=result.ai_generated, provider=result.provider, model=result.model,
        reason=result.reason, cost_micros=result.cost_micros,
        usage=s.UsageOfCall(
            read=used.input_tokens, written=used.output_tokens, cached=used.cached_tokens
        ) if used is not None else None,
    )  # fmt: skip
