"""A service of somebody's plugin: asked like ours, and its mistakes are told as its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from musekit.ai import service
from musekit.ai.results import AnswerError
from musekit.errors import UnavailableError
from musekit.kernel.registry import Contribution
from musekit.providers import AICall, AIConfig, AIEvent, Finish, ProviderFault, Text, Usage

pytestmark = pytest.mark.parametrize("backend", ["sqlite"])


class Parrot:
    """A model that repeats; `how` is what goes wrong."""

    key, label, needs_key, default_model, structured = "parrot", "Parrot", False, "p-1", False

    def __init__(self) -> None:
        self.how: list[BaseException | None] = []
        self.asked = 0

    async def stream(self, call: AICall, config: AIConfig, http: Any) -> AsyncIterator[AIEvent]:
        self.asked += 1
        wrong = self.how.pop(0) if self.how else None
        if wrong is not None:
            raise wrong
        yield Text(call.messages[-1].content)
        yield Usage(input_tokens=3, output_tokens=2)
        yield Finish("stop")


@pytest.fixture
def parrot(lab: Any) -> Parrot:
    made = Parrot()
    lab.host.registry.frozen = False
    lab.host.registry.accept("acme", Contribution({"ai_providers": [made]}))
    lab.host.registry.frozen = True
    lab.set_up("parrot", model="", prices={"p-1": (1.0, 1.0)})
    return made


def test_it_answers(lab: Any, parrot: Parrot) -> None:
    found = service.complete(lab.host, lab.actor, lab.call("Say this"))
    assert (found.text, found.provider, found.model, found.cost_micros) == (
        "Say this", "parrot", "p-1", 5,
    )  # fmt: skip


def test_its_faults_are_tried_again_and_its_mistakes_are_not(lab: Any, parrot: Parrot) -> None:
    parrot.how = [ProviderFault("busy", retry_after=0), ProviderFault("unreachable")]
    assert service.complete(lab.host, lab.actor, lab.call("Say this")).text == "Say this"
    parrot.how = [ProviderFault("busy", retry_after=3600)]
    with pytest.raises(UnavailableError):
        service.complete(lab.host, lab.actor, lab.call())
    parrot.how = [ZeroDivisionError("a secret of the plugin")]
    with pytest.raises(AnswerError, match="Parrot gave an answer that is not usable") as told:
        service.complete(lab.host, lab.actor, lab.call())
    assert "secret" not in told.value.detail
    assert parrot.asked == 5
    assert lab.counts()["ai"] == (1, 0)
