"""The operator's JSON routes of webhooks: where they lead, how they go, and one switched off."""

from __future__ import annotations

from typing import Any

from musekit.auth.models import User
from musekit.kernel.actors import Actor

API = "/api/admin/webhooks"


def test_listed_counted_and_switched_off(lab: Any, make_user: Any) -> None:
    operator = make_user("operator@example.com")
    assert operator.client.get(API).status_code == 403
    with lab.host.database.session(Actor.system("tests")) as session:
        session.get_one(User, operator.user_id).is_operator = True
    lab.endpoint(f"{lab.listener.url}/key-in-a-path")
    row = lab.one()
    listed = operator.client.get(API)
    assert [each["id"] for each in listed.json()["items"]] == [str(row.id)]
    assert "127.0.0.1" in listed.text
    assert "key-in-a-path" not in listed.text
    numbers = operator.client.get(f"{API}/numbers").json()
    assert (numbers["endpoints"], numbers["failing"], numbers["off"]) == (1, 0, 0)
    assert operator.client.get(API, params={"state": "off"}).json()["items"] == []
    assert operator.client.get(API, params={"state": "evil"}).status_code == 422
    at = f"{API}/{row.id}/switch-off"
    assert operator.client.post(at, json={}).status_code == 204
    assert operator.client.post(at, json={}).status_code == 404
    off = operator.client.get(API, params={"state": "off"}).json()["items"]
    assert [(each["id"], each["disabled_reason"]) for each in off] == [(str(row.id), "operator")]
    assert operator.client.get(f"{API}/numbers").json()["off"] == 1
