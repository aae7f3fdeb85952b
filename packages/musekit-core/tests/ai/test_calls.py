"""Whole answers: from each kind of service, counted to the token, and never from anywhere else."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from tests.support.ai_double import KEY

from musekit.ai import offline, service
from musekit.ai.results import AnswerError, NoModelError
from musekit.ai.settings import AISettings
from musekit.errors import UnavailableError

KINDS = ["openai", "xai", "anthropic", "compatible"]
#: Faults that pass, and those that do not.
PASSING = ["500", "503", "408", "409", "429", "529"]
LASTING = {
    "401": "unauthorized", "403": "unauthorized", "400": "rejected", "404": "rejected",
    "422": "rejected", "redirect": "malformed", "html": "malformed",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_is_counted_to_the_token(lab: Any, kind: str) -> None:
    lab.set_up(kind)
    found = service.complete(lab.host, lab.actor, lab.call(), offline=offline.draft)
    [asked] = lab.models.asked
    assert found.text == lab.models.text
    assert (found.source, found.ai_generated, found.provider) == ("provider", True, kind)
    assert found.usage is not None
    tokens = (asked.input_tokens, asked.output_tokens)
    assert (found.usage.input_tokens, found.usage.output_tokens) == tokens
    assert found.cost_micros == 2 * tokens[0] + 10 * tokens[1]
    [row] = lab.rows()
    assert (row.id, row.state, row.provider, row.model) == (
        found.call_id, "done", kind, "house-model",
    )  # fmt: skip
    assert (row.input_tokens, row.output_tokens, row.cost_micros, row.request_id) == (
        *tokens, found.cost_micros, asked.id,
    )  # fmt: skip
    assert row.first_token_ms is not None
    assert row.duration_ms >= row.first_token_ms
    assert lab.counts() == {"ai": (1, 0), "ai_micros": (found.cost_micros, 0)}
    assert asked.key == KEY


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_passes_is_tried_again(lab: Any, kind: str) -> None:
    lab.set_up(kind, retries=2, timeout_seconds=30)
    for fault in PASSING:
        lab.models.asked.clear()
        lab.models.faults.extend([fault, fault])
        assert service.complete(lab.host, lab.actor, lab.call()).text == lab.models.text
        assert [each.fault for each in lab.models.asked] == [fault, fault, ""]
        if len(lab.rows()) == 5:
            break  # that is what the plan allows
    assert {row.state for row in lab.rows()} == {"done"}


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_what_fails_is_an_error_and_nobody_stands_in(lab: Any, kind: str) -> None:
    lab.set_up(kind, retries=1)
    lab.models.faults.extend(["500", "500"])
    with pytest.raises(UnavailableError, match="Nothing was written"):
        service.complete(lab.host, lab.actor, lab.call(), offline=offline.draft)
    lab.models.faults.append("429 later")
    with pytest.raises(UnavailableError) as told:
        service.complete(lab.host, lab.actor, lab.call(), offline=offline.draft)
    assert told.value.headers == {"Retry-After": "3600"}
    assert len(lab.models.asked) == 3  # an hour is not waited for
    for fault in LASTING:
        lab.models.faults.append(fault)
        with pytest.raises(AnswerError):
            service.complete(lab.host, lab.actor, lab.call(), offline=offline.draft)
    assert len(lab.models.asked) == 3 + len(LASTING)  # what lasts is not tried again
    rows = lab.rows()
    assert [row.error_class for row in rows] == ["busy", "busy", *LASTING.values()]
    assert {(row.state, row.source) for row in rows} == {("failed", "provider")}
    assert lab.counts() == {"ai": (0, 0), "ai_micros": (0, 0)}  # given back


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
@pytest.mark.parametrize("fault", ["cut", "short", "error", "garbage", "stall"])
@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_breaks_off_is_not_asked_for_again(lab: Any, kind: str, fault: str) -> None:
    lab.set_up(kind, timeout_seconds=1.5)
    lab.models.faults.append(fault)
    with pytest.raises((UnavailableError, AnswerError), match="broke off"):
        service.complete(lab.host, lab.actor, lab.call(), offline=offline.draft)
    assert len(lab.models.asked) == 1
    [row] = lab.rows()
    assert row.state == "cut"
    used, held = lab.counts()["ai"]
    assert (used, held) == (1, 0)  # it was paid for
    assert lab.counts()["ai_micros"][0] > 0


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_slow_beginning_is_not_waited_for(lab: Any, kind: str) -> None:
    lab.set_up(kind, retries=1, first_token_seconds=0.4)
    lab.models.faults.append("slow")
    assert service.complete(lab.host, lab.actor, lab.call()).text == lab.models.text
    lab.models.faults.extend(["slow", "slow"])
    with pytest.raises(UnavailableError, match="cannot be reached"):
        service.complete(lab.host, lab.actor, lab.call())


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
@pytest.mark.parametrize("backend", ["sqlite"])
def test_an_endless_answer_has_an_end(lab: Any, kind: str) -> None:
    lab.set_up(kind)
    lab.models.faults.append("huge")
    with pytest.raises((UnavailableError, AnswerError)):
        service.complete(lab.host, lab.actor, lab.call())
    assert lab.rows()[0].state == "cut"


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
@pytest.mark.parametrize("backend", ["sqlite"])
def test_models_that_take_no_temperature_are_asked_without(lab: Any, kind: str) -> None:
    lab.set_up(kind)
    lab.models.takes_temperature = False
    for _ in range(2):
        service.complete(lab.host, lab.actor, lab.call())
    assert ["temperature" in each.body for each in lab.models.asked] == [True, False, False]
    assert {row.state for row in lab.rows()} == {"done"}


@pytest.mark.parametrize("backend", ["sqlite"])
def test_nothing_of_the_environment_is_sent(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ORG_ID", "PROJECT_ID", "ADMIN_KEY", "API_KEY"):
        monkeypatch.setenv(f"OPENAI_{name}", "of-the-operator")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "x-internal: of-the-operator")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://169.254.169.254/of-the-operator")
    lab.set_up("compatible", compatible_api_key=None)
    with pytest.raises(AnswerError):  # the double knows no such key
        service.complete(lab.host, lab.actor, lab.call())
    [asked] = lab.models.asked
    assert asked.key == "none"
    assert "of-the-operator" not in str(asked.headers)
    assert not [name for name in asked.headers if name.startswith("x-")]


def test_without_a_model_the_drafter_answers_and_says_so(lab: Any) -> None:
    lab.set_up("")
    with pytest.raises(NoModelError):
        service.complete(lab.host, lab.actor, lab.call())
    found = service.complete(lab.host, lab.actor, lab.call(), offline=offline.draft)
    assert (found.source, found.ai_generated, found.provider) == ("offline", False, "offline")
    assert (found.text, found.usage, found.cost_micros) == ("Write about spring.", None, None)
    [row] = lab.rows()
    assert (row.source, row.state, row.provider, row.cost_micros) == (
        "offline", "done", "offline", None,
    )  # fmt: skip
    assert lab.counts() == {}  # no plan is used up
    assert lab.models.asked == []


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_service_that_is_set_up_and_unusable_is_said(lab: Any) -> None:
    lab.set_up("openai", openai_api_key=None)
    with pytest.raises(UnavailableError, match="MUSEKIT_AI_OPENAI_API_KEY"):
        service.complete(lab.host, lab.actor, lab.call(), offline=offline.draft)
    lab.set_up("taken-away")
    with pytest.raises(UnavailableError, match="not installed"):
        service.complete(lab.host, lab.actor, lab.call(), offline=offline.draft)
    lab.set_up("compatible", base_url="http://169.254.169.254/v1")
    with pytest.raises(AnswerError):
        service.complete(lab.host, lab.actor, lab.call(), offline=offline.draft)
    assert [row.state for row in lab.rows()] == ["failed"]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_key_is_in_no_log_and_in_no_error(lab: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for kind in ("openai", "anthropic"):
        lab.set_up(kind, retries=0)
        for fault in ("401", "400", "500", "error"):
            lab.models.faults.append(fault)
            with pytest.raises((UnavailableError, AnswerError)) as told:
                service.complete(lab.host, lab.actor, lab.call())
            assert KEY not in f"{told.value.detail} {told.value.extra} {told.value.headers}"
    assert KEY not in caplog.text
    assert KEY not in repr(lab.host.sections[AISettings])
