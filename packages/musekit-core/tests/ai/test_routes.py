"""``/api/ai`` over HTTP: who may ask, how it is labelled, how often, and the stream of events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.ai_double import KEY

from musekit.kernel.ratelimit import Limiter
from musekit.kernel.ratelimit.policies import AI
from musekit.testing.servers import free_port

ASKED = {"messages": [{"role": "user", "content": "Write about spring"}]}


def events(answer: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the events of a stream, as any client of server-sent events reads them."""
    found = []
    for block in answer.text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_without_a_model_the_answer_says_so(lab: Any) -> None:
    lab.set_up("")
    client = lab.user.client
    assert client.get("/api/ai").json() == {
        "source": "offline", "ai_generated": False, "provider": "offline", "model": "",
        "own": False, "problem": None,
    }  # fmt: skip
    answer = client.post("/api/ai/complete", json=ASKED)
    assert answer.status_code == 200
    assert answer.json() | {"call_id": ""} == {
        "call_id": "", "text": "Write about spring.", "source": "offline", "ai_generated": False,
        "provider": "offline", "model": "", "reason": "stop", "usage": None, "cost_micros": None,
    }  # fmt: skip
    streamed = events(client.post("/api/ai/stream", json=ASKED))
    assert [name for name, _ in streamed] == ["start", "text", "done"]
    assert {data["source"] for name, data in streamed if name != "text"} == {"offline"}
    assert {data["ai_generated"] for name, data in streamed if name != "text"} == {False}


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_with_a_model_it_answers(lab: Any, kind: str) -> None:
    lab.set_up(kind)
    client = lab.user.client
    assert client.get("/api/ai").json()["model"] == "house-model"
    whole = client.post("/api/ai/complete", json=ASKED).json()
    assert (whole["text"], whole["source"], whole["ai_generated"]) == (
        lab.models.text, "provider", True,
    )  # fmt: skip
    answer = client.post("/api/ai/stream", json=ASKED)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    streamed = events(answer)
    assert "".join(data["delta"] for name, data in streamed if name == "text") == lab.models.text
    name, done = streamed[-1]
    assert name == "done"
    assert done | {"call_id": ""} == whole | {"call_id": ""}
    listed = client.get("/api/ai/calls").json()["items"]
    assert [each["id"] for each in listed] == [done["call_id"], whole["call_id"]]
    assert {(each["state"], each["purpose"]) for each in listed} == {("done", "api")}
    assert listed[0]["read"] == lab.models.asked[1].input_tokens


def test_a_failure_is_a_problem_and_no_draft(lab: Any) -> None:
    lab.set_up("openai", retries=0)
    client = lab.user.client
    for path in ("/api/ai/complete", "/api/ai/stream"):
        for fault, status in (("500", 503), ("401", 502), ("400", 502)):
            lab.models.faults.append(fault)
            answer = client.post(path, json=ASKED)
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/problem+json"
            assert "text" not in answer.json()
            assert KEY not in answer.text
    lab.models.faults.append("cut")
    name, told = events(client.post("/api/ai/stream", json=ASKED))[-1]
    assert (name, told["status"]) == ("error", 503)
    assert "broke off" in told["detail"]


def test_a_cap_is_told_before_the_stream_begins(lab: Any) -> None:
    lab.set_up("openai")
    client = lab.user.client
    for _ in range(5):
        assert client.post("/api/ai/stream", json=ASKED).status_code == 200
    answer = client.post("/api/ai/stream", json=ASKED)
    assert (answer.status_code, answer.json()["limit"]) == (429, "ai_per_day")
    assert answer.json()["upgrade_url"] == "/billing/plans"
    [plan] = client.get("/api/usage").json()["items"]
    assert [each["used"] for each in plan["limits"] if each["limit"] == "ai_per_day"] == [5]


def test_others_see_nothing_of_it(lab: Any, make_user: Any) -> None:
    lab.set_up("openai")
    lab.user.client.post("/api/ai/complete", json=ASKED)
    other = make_user()
    assert other.client.get("/api/ai/calls").json()["items"] == []
    assert len(lab.user.client.get("/api/ai/calls").json()["items"]) == 1


@pytest.mark.parametrize("backend", ["sqlite"])
def test_asking_has_a_rate_of_its_own(lab: Any) -> None:
    lab.set_up("")
    client = lab.user.client
    for n in range(AI.hits):
        path = "/api/ai/stream" if n % 2 else "/api/ai/complete"
        assert client.post(path, json=ASKED).status_code == 200
    for path in ("/api/ai/stream", "/api/ai/complete"):
        answer = client.post(path, json=ASKED)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
    assert client.get("/api/ai").status_code == 200


WRONG = [
    {}, {"messages": []}, {"messages": [{"role": "user", "content": ""}]},
    {"messages": [{"role": "tool", "content": "x"}]}, ASKED | {"max_tokens": 0},
    ASKED | {"max_tokens": 10**9}, ASKED | {"temperature": 3}, ASKED | {"purpose": "A B"},
    ASKED | {"product": "nobody's"}, ASKED | {"more": 1},
    {"messages": [{"role": "user", "content": "x" * 100_001}]},
]  # fmt: skip


@pytest.mark.parametrize("body", WRONG, ids=range(len(WRONG)))
@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_cannot_be_asked(lab: Any, body: dict[str, Any]) -> None:
    lab.set_up("openai")
    for path in ("/api/ai/complete", "/api/ai/stream"):
        assert lab.user.client.post(path, json=body).status_code == 422
    assert lab.models.asked == []


@pytest.mark.parametrize("backend", ["sqlite"])
def test_while_redis_is_away_asking_is_counted_and_halved(lab: Any, settings: Any) -> None:
    lab.set_up("")
    away = settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port()}/0"})
    before, lab.host.limits = lab.host.limits, Limiter(away, lab.host.database)
    assert AI.strict_hits
    for _ in range(AI.strict_hits):
        assert lab.user.client.post("/api/ai/complete", json=ASKED).status_code == 200
    for path in ("/api/ai/stream", "/api/ai/complete"):
        assert lab.user.client.post(path, json=ASKED).status_code == 429
    assert lab.host.limits.fallbacks["ai"] == AI.strict_hits + 2
    lab.host.limits.close()
    lab.host.limits = before
