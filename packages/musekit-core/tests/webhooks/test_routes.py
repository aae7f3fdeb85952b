"""``/api/webhooks`` over HTTP: what is told, what is told once, who may, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from standardwebhooks import Webhook
from tests.support.listener import listening

from musekit.audit.models import AuditEntry
from musekit.auth.models import User, UserSession
from musekit.kernel.actors import Actor
from musekit.organizations import service as organizations

SYSTEM = Actor.system("tests")
API = "/api/webhooks"


@pytest.fixture
def api(lab: Any) -> Any:
    """Send a request by the user's token."""

    def send(method: str, path: str = "", **given: Any) -> Any:
        return lab.user.client.request(method, API + path, headers=lab.user.headers, **given)

    lab.user.client.cookies.clear()
    return send


def new(lab: Any, **more: Any) -> dict[str, Any]:
    return {"url": lab.listener.url, "events": ["thing.made"], **more}


def test_from_the_first_to_the_last(lab: Any, api: Any) -> None:
    events = {each["event"]: each for each in api("GET", "/events").json()["items"]}
    assert {"member.joined", "member.left", "space.created", "subscription.changed",
            "usage.near_limit", "thing.made"} <= events.keys()  # fmt: skip
    assert events["thing.made"]["sample"] == {"thing_id": "1"}
    made = api("POST", json=new(lab, description="of the shop"))
    assert made.status_code == 201
    secret = made.json()["signing_secret"]
    assert secret.startswith("whsec_")
    at = f"/{made.json()['id']}"
    told = api("GET", at).json()
    assert "signing_secret" not in told
    assert {**told, "signing_secret": secret} == made.json()
    assert api("GET").json()["items"] == [told]
    lab.emit()
    lab.emit(event="thing.lost")
    assert lab.deliver() == {"delivered": 1}
    Webhook(secret).verify(lab.listener.told[0].body, lab.listener.told[0].headers)
    [row] = api("GET", f"{at}/deliveries").json()["items"]
    assert (row["event"], row["state"], row["status"], row["error"]) == (
        "thing.made", "delivered", 204, None,
    )  # fmt: skip
    assert row["message_id"] == lab.listener.told[0].id
    again = api("POST", f"{at}/deliveries/{row['id']}/again")
    assert (again.status_code, again.json()["state"]) == (202, "pending")
    assert lab.deliver() == {"delivered": 1}
    assert lab.listener.told[1].id == row["message_id"]
    changed = api("PATCH", at, json={"events": ["*"], "enabled": False}).json()
    assert (changed["events"], changed["enabled"], changed["disabled_reason"]) == (
        ["*"], False, "person",
    )  # fmt: skip
    assert api("POST", f"{at}/deliveries/{row['id']}/again").status_code == 409
    turned = api("POST", f"{at}/rotate", json={}).json()
    assert turned["signing_secret"] != secret
    assert turned["rotating_until"] is not None
    assert api("POST", f"{at}/rotate", json={"at_once": True}).json()["rotating_until"] is None
    assert api("DELETE", at).status_code == 204
    assert api("GET", at).status_code == 404
    assert lab.rows() == []
    with lab.host.database.session(SYSTEM, readonly=True) as session:
        log = session.scalars(
            select(AuditEntry)
            .where(AuditEntry.action.like("webhook.%"))
            .order_by(AuditEntry.at, AuditEntry.id)
        ).all()
    assert [each.action for each in log] == [
        "webhook.created", "webhook.changed", "webhook.rotated", "webhook.rotated",
        "webhook.removed",
    ]  # fmt: skip
    assert {each.detail["host"] for each in log} == {"127.0.0.1"}
    assert "/hook" not in str([each.detail for each in log])
    assert {each.in_space_id for each in log} == {lab.user.space_id}


def test_a_test_is_sent_once_and_says_how_it_went(lab: Any, api: Any) -> None:
    made = api("POST", json=new(lab, enabled=False)).json()  # also one that is off
    at = f"/{made['id']}"
    told = api("POST", f"{at}/test", json={}).json()
    assert (told["event"], told["delivered"], told["status"], told["error"]) == (
        "thing.made", True, 204, "",
    )  # fmt: skip
    seen = Webhook(made["signing_secret"]).verify(
        lab.listener.told[0].body, lab.listener.told[0].headers
    )
    assert (seen["type"], seen["data"], seen["test"]) == ("thing.made", {"thing_id": "1"}, True)
    lab.listener.script.append(500)
    told = api("POST", f"{at}/test", json={"event": "thing.lost"}).json()
    assert (told["event"], told["delivered"], told["status"], told["error"]) == (
        "thing.lost", False, 500, "status",
    )  # fmt: skip
    lab.make_due()
    assert lab.deliver() == {}
    assert sorted(lab.states()) == ["delivered", "failed"]
    assert lab.one().failing_since is None
    assert api("POST", f"{at}/test", json={"event": "thing.found"}).status_code == 422


def test_a_test_whose_process_died_is_sent_by_the_job(lab: Any, api: Any) -> None:
    made = api("POST", json=new(lab)).json()
    lab.host.portal.close()  # the call cannot be made, as when the process ends before it
    assert api("POST", f"/{made['id']}/test", json={}).status_code == 503
    assert lab.states() == ["sending"]


def test_the_log_is_read_page_by_page(lab: Any, api: Any) -> None:
    made = api("POST", json=new(lab)).json()
    lab.emit(60)
    first = api("GET", f"/{made['id']}/deliveries").json()
    assert len(first["items"]) == 50
    rest = api("GET", f"/{made['id']}/deliveries", params={"cursor": first["next_cursor"]}).json()
    assert (len(rest["items"]), rest["next_cursor"]) == (10, None)
    assert len({each["id"] for each in first["items"] + rest["items"]}) == 60
    assert api("GET", f"/{made['id']}/deliveries", params={"cursor": "x"}).status_code == 422


def test_another_spaces_webhook_is_not_there(lab: Any, make_user: Any) -> None:
    lab.endpoint()
    lab.emit()
    row = lab.one()
    [delivery] = lab.rows()
    other = make_user()
    for method, path, body in (
        ("GET", "", None), ("PATCH", "", {"enabled": False}), ("DELETE", "", None),
        ("POST", "/test", {}), ("POST", "/rotate", {}), ("GET", "/deliveries", None),
        ("POST", f"/deliveries/{delivery.id}/again", None),
    ):  # fmt: skip
        for whose in (row.id, uuid4()):
            answer = other.client.request(
                method, f"{API}/{whose}{path}", headers=other.headers, json=body
            )
            assert answer.status_code == 404, (method, path)
    assert other.client.get(API, headers=other.headers).json()["items"] == []
    assert lab.one().secrets_encrypted == row.secrets_encrypted
    assert lab.listener.told == []


def test_a_space_has_only_so_many(lab: Any, api: Any) -> None:
    lab.use(per_space=2)
    for _ in range(2):
        assert api("POST", json=new(lab)).status_code == 201
    answer = api("POST", json=new(lab))
    assert (answer.status_code, answer.json()["limit"], answer.json()["max"]) == (
        429, "webhooks", 2,
    )  # fmt: skip
    assert len(api("GET").json()["items"]) == 2


WRONG = [
    {"url": "http://169.254.169.254/latest"}, {"url": "http://10.0.0.1/"}, {"url": "https://x:1/"},
    {"url": "http://hooks.example/"}, {"url": ""}, {"events": []}, {"events": ["thing.found"]},
    {"events": ["thing.made", "x" * 500]}, {"description": "x" * 201}, {"more": 1},
    {"url": "https://hooks.example/\u2028x"}, {"events": "thing.made"},
]  # fmt: skip


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("values", WRONG, ids=range(len(WRONG)))
def test_what_cannot_be(lab: Any, api: Any, values: dict[str, Any]) -> None:
    assert api("POST", json=new(lab, **values)).status_code == 422
    made = api("POST", json=new(lab)).json()
    assert api("PATCH", f"/{made['id']}", json=values).status_code == 422
    assert len(api("GET").json()["items"]) == 1


def test_a_person_proves_who_they_are_before_a_secret_is_shown(lab: Any, make_user: Any) -> None:
    endpoint_id, _ = lab.endpoint()
    old = datetime.now(UTC) - timedelta(minutes=16)
    with lab.host.database.session(SYSTEM) as session:
        session.execute(update(UserSession).values(authenticated_at=old))
    for path, body in (("", new(lab)), (f"/{endpoint_id}/rotate", {})):
        answer = lab.user.client.post(API + path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "reauthenticate")
    assert lab.user.client.patch(f"{API}/{endpoint_id}", json={}).status_code == 200
    operator = make_user()
    with lab.host.database.session(SYSTEM) as session:
        session.execute(update(User).where(User.id == operator.user_id).values(is_operator=True))
        own = session.scalars(
            select(UserSession.id).where(UserSession.user_id == operator.user_id)
        ).one()
        session.execute(
            update(UserSession)
            .where(UserSession.user_id == lab.user.user_id)
            .values(
                authenticated_at=datetime.now(UTC), impersonator_user_id=operator.user_id,
                impersonator_session_id=own,
            )
        )  # fmt: skip
    for method, path, body in (
        ("POST", "", new(lab)), ("PATCH", f"/{endpoint_id}", {"url": lab.listener.url}),
        ("POST", f"/{endpoint_id}/rotate", {}),
    ):  # fmt: skip
        answer = lab.user.client.request(method, API + path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "impersonated"), path
    assert lab.user.client.get(API).status_code == 200  # other help is given


def test_editors_have_no_part_in_it(lab: Any, make_user: Any) -> None:
    editor = make_user()
    with lab.host.database.session(SYSTEM) as session:
        crew, space = organizations.create(session, lab.user.user_id, "Crew")
        session.flush()
        organizations.join(session, crew.id, editor.user_id, "editor", [space.id])
    editor.client.post("/api/spaces/switch", json={"space_id": str(space.id)})
    assert editor.client.get(API).status_code == 403
    assert editor.client.post(API, json=new(lab)).status_code == 403
    lab.user.client.post("/api/spaces/switch", json={"space_id": str(space.id)})
    assert lab.user.client.post(API, json=new(lab)).status_code == 201


def test_two_at_once_do_not_pass_the_cap(lab: Any, settings: Any) -> None:
    import threading

    from musekit.errors import LimitReachedError
    from musekit.webhooks import endpoints

    lab.use(per_space=3)
    outcomes: list[str] = []

    def make() -> None:
        try:
            with lab.host.database.session(lab.actor) as session:
                endpoints.create(
                    session, lab.host, lab.user.space_id,
                    endpoints.Wanted(url=lab.listener.url, events=["*"]), by=lab.user.user_id,
                )  # fmt: skip
            outcomes.append("made")
        except LimitReachedError:
            outcomes.append("full")

    threads = [threading.Thread(target=make) for _ in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert sorted(outcomes) == ["full"] * 9 + ["made"] * 3


def test_an_endpoint_that_goes_away_meanwhile_fails_nobodys_act(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL the reference to it would fail the unit of work that told of something."""
    import threading

    from musekit.webhooks import emitting, endpoints

    endpoint_id, _ = lab.endpoint()
    removed = threading.Event()

    def remove() -> None:
        with lab.host.database.session(lab.actor) as session:
            endpoints.remove(session, lab.user.space_id, endpoint_id)
        removed.set()

    thread = threading.Thread(target=remove)
    asked = emitting._wanted

    def asked_and_gone(*given: Any) -> Any:
        found = asked(*given)
        thread.start()
        assert not removed.wait(0.5)  # it waits for the end of this unit of work
        return found

    monkeypatch.setattr(emitting, "_wanted", asked_and_gone)
    with lab.host.database.session(lab.actor) as session:
        assert emitting.emit(session, lab.host, lab.user.space_id, "thing.made", {}) == 1
    thread.join(30)
    assert removed.is_set()
    assert lab.rows() == []


def test_others_are_told_nothing_by_an_actors_session(lab: Any, make_user: Any) -> None:
    from musekit.webhooks import emitting

    other = make_user()
    with listening() as theirs:
        lab.allow(theirs)
        lab.endpoint(theirs.url, space_id=other.space_id)
        with lab.host.database.session(lab.actor) as session:
            assert emitting.emit(session, lab.host, other.space_id, "thing.made", {}) == 0
        assert isinstance(other.space_id, UUID)
        assert lab.deliver() == {}
        assert theirs.connects == 0
