"""The page of an organization's own model: set up, tested, changed, taken away; keys stay in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.support.ai_double import KEY

from musekit.ai.models import AIConfiguration
from musekit.audit.models import AuditEntry
from musekit.auth.models import UserSession
from musekit.kernel.actors import Actor
from musekit.organizations import service as organizations

SYSTEM = Actor.system("tests")
PAGE = "/organization/ai"


@pytest.fixture
def form(lab: Any) -> dict[str, str]:
    return {
        "provider": "compatible", "model": "own-model", "base_url": f"{lab.models.url}/v1",
        "key": KEY, "timeout_seconds": "20", "is_default": "on",
    }  # fmt: skip


@pytest.fixture
def post(lab: Any) -> Callable[..., Any]:
    """Send a form of the page, in the first space of an organization of the user."""
    made = lab.user.client.post("/api/organizations", json={"name": "Crew"}).json()
    lab.user.client.post("/api/spaces/switch", json={"space_id": made["space"]["id"]})

    def send(path: str = "", **values: str) -> Any:
        page = lab.user.client.get("/account").text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        return lab.user.client.post(PAGE + path, data={"csrf_token": token, **values})

    return send


def only(lab: Any) -> AIConfiguration:
    with lab.host.database.session(SYSTEM, readonly=True) as session:
        found = session.scalars(select(AIConfiguration)).one()
        session.expunge(found)
        return found  # type: ignore[no-any-return]


def test_a_service_is_set_up_tested_and_taken_away(lab: Any, post: Any, form: Any) -> None:
    lab.set_up("")
    assert "No language model answers here" in lab.user.client.get(PAGE).text
    page = post(**form)
    assert "is set up" in page.text
    assert f"key ends in {KEY[-4:]}" in page.text
    assert KEY not in page.text
    assert "by your own key" in page.text
    row = only(lab)
    assert "own-model has answered" in post(f"/{row.id}/test").text
    assert lab.models.asked[0].key == KEY
    lab.models.faults.append("401")
    assert "does not take the key" in post(f"/{row.id}/test").text
    changed = post(**(form | {"key": "", "model": "better"}))
    assert "better" in changed.text
    assert lab.user.client.get(f"{PAGE}?edit=compatible").text.count('value="better"') == 1
    page = post(f"/{row.id}/remove")
    assert "its key is deleted" in page.text
    assert "is no such model service" in post(f"/{row.id}/remove").text
    with lab.host.database.session(SYSTEM, readonly=True) as session:
        log = session.scalars(select(AuditEntry).order_by(AuditEntry.at)).all()
        told = [(each.action, each.detail) for each in log if each.action.startswith("ai.")]
    assert [action for action, _ in told] == ["ai.configured", "ai.configured", "ai.removed"]
    assert [detail.get("replaced") for _, detail in told] == [True, False, None]
    assert KEY not in str(told)


def test_what_is_wrong_stands_at_its_field_and_the_key_does_not_come_back(
    lab: Any, post: Any, form: Any
) -> None:
    answer = post(**(form | {"base_url": "http://169.254.169.254/v1"}))
    assert answer.status_code == 422
    assert "not a public address" in answer.text
    assert "own-model" in answer.text
    assert KEY not in answer.text
    for seconds in ("x", "-1", "99999999999999999999", "²"):
        assert post(**(form | {"timeout_seconds": seconds})).status_code == 422


def test_only_those_who_may_and_only_after_a_recent_proof(
    lab: Any, post: Any, form: Any, make_user: Any
) -> None:
    editor = make_user()
    with lab.host.database.session(SYSTEM) as session:
        space_id = session.scalar(
            select(UserSession.space_id).where(UserSession.user_id == lab.user.user_id)
        )
        crew = organizations.of(session, space_id)
        organizations.join(session, crew.id, editor.user_id, "editor", [space_id])
    editor.client.post("/api/spaces/switch", json={"space_id": str(space_id)})
    assert editor.client.get(PAGE).status_code == 403
    assert editor.client.get("/api/ai/calls").status_code == 403
    assert editor.client.get("/api/ai").status_code == 200
    old = datetime.now(UTC) - timedelta(minutes=16)
    with lab.host.database.session(SYSTEM) as session:
        session.execute(update(UserSession).values(authenticated_at=old))
    assert lab.user.client.get(PAGE).url.path == "/re-authenticate"
    assert post(**form).url.path == "/re-authenticate"
    with lab.host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(AIConfiguration)).all() == []


def test_another_organizations_service_is_not_there(
    lab: Any, post: Any, form: Any, make_user: Any
) -> None:
    post(**form)
    row = only(lab)
    made = lab.user.client.post("/api/organizations", json={"name": "Others"}).json()
    lab.user.client.post("/api/spaces/switch", json={"space_id": made["space"]["id"]})
    assert KEY[-4:] not in lab.user.client.get(PAGE).text
    for act in ("remove", "test"):
        assert "is no such model service" in post(f"/{row.id}/{act}").text
    assert only(lab).id == row.id
    assert lab.models.asked == []
