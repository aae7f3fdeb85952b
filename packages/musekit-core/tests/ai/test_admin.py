"""The operator's pages of the models: set up for all, what it costs, nothing of what is said."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.ai_double import KEY

from musekit.ai import service
from musekit.auth.models import User
from musekit.kernel.actors import Actor

SYSTEM = Actor.system("tests")
PAGE = "/admin/ai"


@pytest.fixture
def operator(lab: Any, make_user: Any) -> Any:
    made = make_user()
    with lab.host.database.session(SYSTEM) as session:
        session.get_one(User, made.user_id).is_operator = True
    return made


def post(user: Any, path: str, **values: str) -> Any:
    page = user.client.get("/account").text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    return user.client.post(PAGE + path, data={"csrf_token": token, **values})


def test_the_operator_sets_up_for_everybody(lab: Any, operator: Any) -> None:
    lab.set_up("")
    assert "No language model answers" in operator.client.get(PAGE).text
    form = {
        "provider": "compatible", "model": "house-model", "key": KEY, "is_default": "on",
        "base_url": f"{lab.models.url}/v1", "timeout_seconds": "20",
    }  # fmt: skip
    page = post(operator, "/services", **form)
    assert "is set up" in page.text
    assert KEY not in page.text
    config_id = page.text.partition('action="/admin/ai/')[2].partition("/")[0]
    assert "house-model has answered" in post(operator, f"/{config_id}/test").text
    found = service.complete(lab.host, lab.actor, lab.call("Nobody else reads this"))
    assert found.provider == "compatible"
    assert lab.counts() == {"ai": (1, 0), "ai_micros": (found.cost_micros, 0)}
    assert lab.counts(operator.space_id) == {}  # a test is not counted in anybody's plan
    page = operator.client.get(PAGE)
    assert "By day" in page.text
    calls = operator.client.get(f"{PAGE}/calls").text
    assert calls.count("house-model") == 2
    assert "Nobody else reads this" not in calls
    assert lab.user.email not in calls
    lab.models.faults.append("403")
    assert "does not take the key" in post(operator, f"/{config_id}/test").text
    assert "its key is deleted" in post(operator, f"/{config_id}/remove").text


def test_nobody_else_does(lab: Any) -> None:
    for path in ("", "/calls", "/services"):
        assert lab.user.client.get(PAGE + path).status_code == 403
    assert post(lab.user, "/services", provider="openai", key=KEY).status_code == 403


def test_a_service_that_cannot_be_used_is_said_there(lab: Any, operator: Any) -> None:
    lab.set_up("openai", openai_api_key=None)
    page = operator.client.get(PAGE).text
    assert "cannot be used" in page
    assert "MUSEKIT_AI_OPENAI_API_KEY" in page
