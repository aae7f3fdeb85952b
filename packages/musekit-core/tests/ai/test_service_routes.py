"""Services by JSON, of an organization and of the operator: keys go in, and never come out."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update
from tests.support.ai_double import KEY

from musekit.audit.models import AuditEntry
from musekit.auth.models import User, UserSession
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now

SYSTEM = Actor.system("tests")
OWN, OF_ALL = "/api/ai/services", "/api/admin/ai/services"


@pytest.fixture
def owner(lab: Any) -> Any:
    """The user, in the first space of an organization of theirs."""
    lab.set_up("")
    made = lab.user.client.post("/api/organizations", json={"name": "Crew"}).json()
    lab.user.client.post("/api/spaces/switch", json={"space_id": made["space"]["id"]})
    return lab.user


@pytest.fixture
def operator(lab: Any, make_user: Any) -> Any:
    lab.set_up("")
    made = make_user()
    with lab.host.database.session(SYSTEM) as session:
        session.get_one(User, made.user_id).is_operator = True
    return made


def body(lab: Any, **values: Any) -> dict[str, Any]:
    given = {
        "provider": "compatible",
        "model": "house-model",
        "base_url": f"{lab.models.url}/v1",
        "key": KEY,
    }
    return given | values


def told(lab: Any) -> list[tuple[str, Any]]:
    with lab.host.database.session(SYSTEM, readonly=True) as session:
        log = session.scalars(select(AuditEntry).order_by(AuditEntry.at, AuditEntry.id)).all()
    assert KEY not in str([each.detail for each in log])
    return [(e.action, e.in_organization_id) for e in log if e.action.startswith("ai.")]


@pytest.mark.parametrize("whose", ["owner", "operator"])
def test_set_up_tested_changed_and_taken_away(
    lab: Any, request: pytest.FixtureRequest, whose: str
) -> None:
    client = request.getfixturevalue(whose).client
    at = OWN if whose == "owner" else OF_ALL
    made = client.post(at, json=body(lab))
    assert made.status_code == 200, made.text
    assert KEY not in made.text
    service = made.json()["items"][0]
    assert (service["provider"], service["ending"]) == ("compatible", KEY[-4:])
    tested = client.post(f"{at}/{service['id']}/test", json={})
    assert tested.status_code == 200, tested.text
    assert tested.json()["model"] == "house-model"
    assert lab.models.asked[0].key == KEY
    changed = client.post(at, json=body(lab, key="", model="better"))
    assert [each["model"] for each in changed.json()["items"]] == ["better"]
    lab.models.faults.append("401")
    refused = client.post(f"{at}/{service['id']}/test", json={})
    assert refused.status_code in (409, 422, 502, 503), refused.text
    assert "does not take the key" in refused.json()["detail"]
    assert client.delete(f"{at}/{service['id']}").status_code == 204
    assert client.delete(f"{at}/{service['id']}").status_code == 404
    assert client.get(at).json()["items"] == []
    found = told(lab)
    assert [each[0] for each in found] == ["ai.configured", "ai.configured", "ai.removed"]
    assert all((where is None) == (whose == "operator") for _, where in found)


def test_one_scope_does_not_see_the_other(lab: Any, owner: Any, operator: Any) -> None:
    made = owner.client.post(OWN, json=body(lab)).json()["items"][0]
    assert operator.client.get(OF_ALL).json()["items"] == []
    assert operator.client.delete(f"{OF_ALL}/{made['id']}").status_code == 404
    assert operator.client.get(OWN).status_code == 404  # theirs is a personal space
    assert owner.client.get(OF_ALL).status_code == 403
    assert owner.client.get("/api/admin/ai").status_code == 403


@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_is_wrong_is_named_by_its_field(lab: Any, owner: Any) -> None:
    for values, field in (
        ({"base_url": "http://169.254.169.254/v1"}, "base_url"),
        ({"timeout_seconds": 1}, "timeout_seconds"),
        ({"key": "", "provider": "openai", "base_url": ""}, "key"),
        ({"provider": "nobody"}, "provider"),
    ):
        answer = owner.client.post(OWN, json=body(lab, **values))
        assert answer.status_code == 422, answer.text
        assert [each["field"] for each in answer.json()["errors"]] == [field]
        assert KEY not in answer.text
    assert owner.client.post(OWN, json=body(lab, evil=1)).status_code == 422
    assert owner.client.get(OWN).json()["items"] == []


@pytest.mark.parametrize("backend", ["sqlite"])
def test_only_after_a_recent_proof(lab: Any, owner: Any) -> None:
    with lab.host.database.session(SYSTEM) as session:
        session.execute(update(UserSession).values(authenticated_at=utc_now().replace(year=2020)))
    answer = owner.client.post(OWN, json=body(lab))
    assert (answer.status_code, answer.json()["code"]) == (403, "reauthenticate")
    assert owner.client.get(OWN).json()["items"] == []
    token = owner.client.post(OWN, json=body(lab), headers=owner.headers)
    assert token.status_code == 403


def test_what_answers_for_all_and_what_it_costs(lab: Any, operator: Any) -> None:
    now = operator.client.get("/api/admin/ai").json()
    assert now == {"provider": None, "model": None, "problem": "", "days": []}
    made = operator.client.post(OF_ALL, json=body(lab)).json()["items"][0]
    operator.client.post(f"{OF_ALL}/{made['id']}/test", json={})
    now = operator.client.get("/api/admin/ai").json()
    assert (now["provider"], now["model"], now["problem"]) == ("compatible", "house-model", "")
    assert [(each["calls"], each["failed"]) for each in now["days"]] == [(1, 0)]
    calls = operator.client.get("/api/admin/ai/calls").json()["items"]
    assert [(each["purpose"], each["state"]) for each in calls] == [("test", "done")]
