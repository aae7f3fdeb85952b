"""Answers of a shape: kept by services that can, asked for in words of others, mended once."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from musekit.ai import service
from musekit.ai.clients.schemas import strict
from musekit.ai.results import AnswerError
from musekit.providers import AICall

pytestmark = pytest.mark.parametrize("backend", ["sqlite"])


class Tag(BaseModel):
    name: str = Field(min_length=1, max_length=20)
    weight: float = 1.0


class Draft(BaseModel):
    title: str
    tone: Literal["calm", "loud"] = "calm"
    tags: list[Tag] = []


GOOD = json.dumps({"title": "Spring", "tone": "loud", "tags": [{"name": "green", "weight": 0.5}]})
WANTED = Draft.model_validate_json(GOOD)


def asked_shape(body: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that a service was sent."""
    if "output_config" in body:
        assert body["output_config"]["format"]["type"] == "json_schema"
        found: dict[str, Any] = body["output_config"]["format"]["schema"]
        return found
    assert body["response_format"]["json_schema"]["strict"] is True
    shape: dict[str, Any] = body["response_format"]["json_schema"]["schema"]
    return shape


@pytest.mark.parametrize("kind", ["openai", "xai", "anthropic"])
def test_a_service_that_can_is_given_the_schema(lab: Any, kind: str) -> None:
    lab.set_up(kind)
    lab.models.answers.append(GOOD)
    found = service.complete(lab.host, lab.actor, lab.call(schema=Draft))
    assert found.parsed == WANTED
    [asked] = lab.models.asked
    assert asked_shape(asked.body) == strict(Draft)


@pytest.mark.usefixtures("backend")
def test_strict_schemas_hold_what_strict_modes_know() -> None:
    made = strict(Draft)
    assert made["required"] == ["title", "tone", "tags"]
    assert made["additionalProperties"] is False
    assert made["properties"]["tone"]["enum"] == ["calm", "loud"]
    assert made["$defs"]["Tag"]["required"] == ["name", "weight"]
    assert made["$defs"]["Tag"]["properties"]["name"] == {"type": "string"}

    class Titled(BaseModel):
        title: str  # a member may be called as what is left out
        default: int

    assert list(strict(Titled)["properties"]) == ["title", "default"]


def test_others_are_asked_in_words(lab: Any) -> None:
    lab.set_up("compatible")
    lab.models.answers.append(f"```json\n{GOOD}\n```")
    assert service.complete(lab.host, lab.actor, lab.call(schema=Draft)).parsed == WANTED
    body = lab.models.asked[0].body
    assert body["response_format"] == {"type": "json_object"}
    assert '"additionalProperties"' in body["messages"][0]["content"]


@pytest.mark.parametrize("kind", ["openai", "anthropic", "compatible"])
def test_a_wrong_shape_is_mended_once(lab: Any, kind: str) -> None:
    lab.set_up(kind)
    lab.models.answers.extend(['{"title": 7, "tone": "shrill"}', GOOD])
    found = service.complete(lab.host, lab.actor, lab.call(schema=Draft))
    assert (found.parsed, found.text) == (WANTED, GOOD)
    first, second = lab.models.asked
    assert "tone" in second.body["messages"][-1]["content"]
    assert found.usage is not None
    assert found.usage.output_tokens == first.output_tokens + second.output_tokens
    [row] = lab.rows()
    assert row.input_tokens == first.input_tokens + second.input_tokens
    assert lab.counts()["ai"] == (1, 0)

    lab.models.answers.extend(["{}", "no JSON at all"])
    with pytest.raises(AnswerError, match="not usable"):
        service.complete(lab.host, lab.actor, lab.call(schema=Draft))
    assert len(lab.models.asked) == 4


def test_an_offline_answer_has_the_shape_too(lab: Any) -> None:
    lab.set_up("")

    def by_rules(call: AICall) -> BaseModel:
        return Draft(title=call.messages[-1].content)

    found = service.complete(
        lab.host, lab.actor, lab.call("Spring", schema=Draft), offline=by_rules
    )
    assert found.parsed == Draft(title="Spring")
    assert (found.source, found.ai_generated) == ("offline", False)
