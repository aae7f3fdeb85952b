"""Answers piece by piece: as they are written, counted however they end."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from musekit.ai import offline
from musekit.ai.results import AnswerError
from musekit.ai.streaming import stream
from musekit.errors import LimitReachedError, UnavailableError
from musekit.providers import Finish, Text

KINDS = ["openai", "anthropic"]


async def read(answer: Any) -> str:
    return "".join([each.delta async for each in answer if isinstance(each, Text)])


def ended(lab: Any) -> list[tuple[str, str | None]]:
    return [(row.state, row.error_class) for row in lab.rows()]


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_come_before_the_end(lab: Any, kind: str) -> None:
    lab.set_up(kind)
    lab.models.faults.append("stall")  # in the middle
    lab.models.pause = 1.0

    async def main() -> None:
        async with stream(lab.host, lab.actor, lab.call()) as answer:
            began, first, pieces = time.monotonic(), 0.0, []
            async for event in answer:
                first = first or time.monotonic() - began
                if isinstance(event, Text):
                    pieces.append(event.delta)
            assert first < 0.5 < time.monotonic() - began
            assert len(pieces) > 3
            assert answer.result is not None
            assert answer.result.text == "".join(pieces) == lab.models.text
            assert answer.result.cost_micros
            assert isinstance(event, Finish)

    asyncio.run(main())
    [row], [asked] = lab.rows(), lab.models.asked
    assert (row.state, row.output_tokens) == ("done", asked.output_tokens)
    assert lab.counts()["ai"] == (1, 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_hinders_an_answer_is_said_before_it_begins(lab: Any, kind: str) -> None:
    lab.set_up(kind, retries=1)

    async def main() -> None:
        lab.models.faults.extend(["500", "500", "401"])
        with pytest.raises(UnavailableError):
            async with stream(lab.host, lab.actor, lab.call(), offline=offline.draft):
                pytest.fail("there is no answer to read")
        with pytest.raises(AnswerError):
            async with stream(lab.host, lab.actor, lab.call(), offline=offline.draft):
                pytest.fail("there is no answer to read")
        lab.models.faults.append("500")
        async with stream(lab.host, lab.actor, lab.call()) as answer:
            assert await read(answer) == lab.models.text

    asyncio.run(main())
    assert ended(lab) == [("failed", "busy"), ("failed", "unauthorized"), ("done", None)]
    assert lab.counts()["ai"] == (1, 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", ["cut", "short", "error", "garbage"])
@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_break_is_told_after_what_came(lab: Any, kind: str, fault: str) -> None:
    lab.set_up(kind)
    lab.models.faults.append(fault)
    found = []

    async def main() -> None:
        async with stream(lab.host, lab.actor, lab.call()) as answer:
            async for event in answer:
                if isinstance(event, Text):
                    found.append(event.delta)

    with pytest.raises((UnavailableError, AnswerError), match="broke off"):
        asyncio.run(main())
    assert lab.models.text.startswith("".join(found))
    assert found
    assert len(lab.models.asked) == 1
    assert lab.rows()[0].state == "cut"
    assert lab.counts()["ai"] == (1, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_leaving_early_ends_the_call_and_counts_what_came(lab: Any, kind: str) -> None:
    lab.set_up(kind)
    lab.models.text = "word " * 200_000

    async def main() -> None:
        async with stream(lab.host, lab.actor, lab.call()) as answer:
            async for event in answer:
                if isinstance(event, Text):
                    break

        for _ in range(50):  # while this loop runs: its end would end the call, too
            if lab.models.asked[0].over:
                return
            await asyncio.sleep(0.1)
        pytest.fail("the service was not told to stop")

    asyncio.run(main())
    assert lab.models.asked[0].output_tokens < 200_000
    assert ended(lab) == [("cut", "CancelledError")]
    used, held = lab.counts()["ai_micros"]
    assert used > 0
    assert held == 0


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_cancelled_reader_leaves_a_closed_row(lab: Any) -> None:
    lab.set_up("anthropic")
    lab.models.faults.append("stall")

    async def main() -> None:
        begun = asyncio.Event()

        async def reader() -> None:
            async with stream(lab.host, lab.actor, lab.call()) as answer:
                async for event in answer:
                    if isinstance(event, Text):
                        begun.set()

        task = asyncio.create_task(reader())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ended(lab) == [("cut", "CancelledError")]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_the_drafter_streams_too(lab: Any) -> None:
    lab.set_up("")

    async def main() -> None:
        async with stream(lab.host, lab.actor, lab.call(), offline=offline.draft) as answer:
            assert answer.source == "offline"
            assert await read(answer) == "Write about spring."
            assert answer.result is not None
            assert answer.result.ai_generated is False

    asyncio.run(main())
    assert ended(lab) == [("done", None)]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_the_plan_holds_for_streams(lab: Any) -> None:
    lab.set_up("anthropic")

    async def main() -> None:
        for _ in range(5):
            async with stream(lab.host, lab.actor, lab.call()) as answer:
                await read(answer)
        with pytest.raises(LimitReachedError):
            async with stream(lab.host, lab.actor, lab.call()):
                pass

    asyncio.run(main())
    assert len(lab.models.asked) == 5
