"""What is told, to whom, and what comes of each kind of answer."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook, WebhookVerificationError
from tests.support import listener as answers
from tests.support.listener import listening

from musekit.audit.models import AuditEntry
from musekit.email.models import OutboxMail
from musekit.kernel.actors import Actor
from musekit.testing.servers import free_port
from musekit.webhooks import delivery, emitting, endpoints
from musekit.webhooks.models import WebhookEndpoint, WebhookMessage

SYSTEM = Actor.system("tests")


def test_what_happened_is_told_signed_and_once(lab: Any) -> None:
    endpoint_id, secret = lab.endpoint()
    assert lab.emit(name="Ä and “more”") == 1
    assert lab.deliver() == {"delivered": 1}
    [told] = lab.listener.told
    seen = Webhook(secret).verify(told.body, told.headers)  # the official library
    assert seen == json.loads(told.body)
    assert (seen["type"], seen["data"]) == (
        "thing.made", {"thing_id": "0", "name": "Ä and “more”"},
    )  # fmt: skip
    assert told.headers["content-type"] == "application/json"
    [row] = lab.rows()
    assert told.id == f"msg_{row.message_id.hex}"
    assert (row.state, row.attempts, row.last_status, row.endpoint_id) == (
        "delivered", 1, 204, endpoint_id,
    )  # fmt: skip
    assert [each["status"] for each in row.log] == [204]
    assert lab.deliver() == {}
    assert len(lab.listener.told) == 1
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(told.body + b" ", told.headers)


def test_nothing_is_told_of_what_is_rolled_back(lab: Any) -> None:
    lab.endpoint()
    with suppress(RuntimeError), lab.host.database.session(lab.actor) as session:
        assert emitting.emit(session, lab.host, lab.user.space_id, "thing.made", {}) == 1
        raise RuntimeError
    assert lab.rows() == []
    assert lab.deliver() == {}


def test_only_who_wants_to_know_is_told(lab: Any, make_user: Any) -> None:
    other = make_user()
    with listening() as lost, listening() as elsewhere:
        lab.allow(lost, elsewhere)
        lab.endpoint()
        lab.endpoint(lost.url, "thing.lost")
        lab.endpoint(elsewhere.url, space_id=other.space_id)
        assert lab.emit() == 1
        assert lab.emit(event="thing.lost") == 2
        assert lab.deliver() == {"delivered": 3}
        assert [len(each.told) for each in (lab.listener, lost, elsewhere)] == [2, 1, 0]
        assert lost.told[0].id == lab.listener.told[1].id


def test_without_an_endpoint_nothing_is_written(lab: Any) -> None:
    assert lab.emit() == 0
    with lab.host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(WebhookMessage)).all() == []


@pytest.mark.parametrize(
    ("answer", "error", "status"),
    [
        (500, "status", 500), (404, "status", 404), (400, "status", 400),
        (answers.cut, "broken", None), (answers.garbage, "broken", None),
        (answers.hang(4), "timeout", None), (answers.flood(500), "status", 500),
    ],
)  # fmt: skip
def test_what_fails_is_tried_again_under_the_same_id(
    lab: Any, answer: Any, error: str, status: int | None
) -> None:
    lab.endpoint()
    lab.emit()
    lab.listener.script.append(answer)
    assert lab.deliver() == {error: 1}
    [row] = lab.rows()
    assert (row.state, row.attempts, row.last_error, row.last_status) == (
        "pending", 1, error, status,
    )  # fmt: skip
    assert lab.one().failing_since is not None
    assert lab.deliver() == {}  # it waits for its time
    lab.make_due()
    assert lab.deliver() == {"delivered": 1}
    first, second = lab.listener.told
    assert (first.id, first.body) == (second.id, second.body)
    assert first.headers["webhook-timestamp"] <= second.headers["webhook-timestamp"]
    [row] = lab.rows()
    assert [each["error"] for each in row.log] == [error, ""]
    assert lab.one().failing_since is None


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("answer", [answers.flood(200), answers.drip(202, 4)])
def test_the_status_decides_and_a_big_answer_is_not_read(lab: Any, answer: Any) -> None:
    lab.use(timeout_seconds=1)
    lab.endpoint()
    lab.emit()
    lab.listener.script.append(answer)
    assert lab.deliver() == {"delivered": 1}
    [row] = lab.rows()
    assert row.last_ms < 1500
    assert "x" not in json.dumps(row.log)  # nothing of what it said is kept


def test_a_redirect_is_a_failure_and_is_not_followed(lab: Any) -> None:
    with listening() as target:
        lab.allow(target)
        lab.endpoint()
        lab.emit()
        lab.listener.script.append(answers.redirect(target.url))
        assert lab.deliver() == {"redirect": 1}
        assert target.connects == 0
    assert lab.states() == ["pending"]


def test_nobody_listens(lab: Any) -> None:
    port = free_port()
    lab.host.outbound.allow("127.0.0.1", port)
    lab.endpoint(f"http://127.0.0.1:{port}/")
    lab.emit()
    assert lab.deliver() == {"unreachable": 1}


def test_who_is_gone_is_told_nothing_more(lab: Any) -> None:
    lab.endpoint()
    lab.emit(3)
    lab.listener.usual = 410
    assert lab.deliver() == {"gone": 1}
    row = lab.one()
    assert (row.enabled, row.disabled_reason) == (False, "gone")
    assert sorted(lab.states()) == ["dropped"] * 3
    assert lab.emit() == 0
    assert mails(lab) == [("webhook-disabled", lab.user.email)]
    with lab.host.database.session(SYSTEM, readonly=True) as session:
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "webhook.disabled"))
    assert (entry.in_space_id, entry.detail["reason"]) == (lab.user.space_id, "gone")


def test_days_of_failure_switch_an_endpoint_off(lab: Any) -> None:
    lab.endpoint()
    lab.emit()
    lab.listener.usual = 500
    for _ in range(3):
        lab.deliver()
        lab.fail_for(6)  # a fault of minutes after a silence of days does not
        lab.make_due()
    assert lab.one().enabled
    assert mails(lab) == []
    lab.deliver()
    assert (lab.one().enabled, lab.one().disabled_reason) == (False, "failing")
    assert lab.states() == ["dropped"]
    assert mails(lab) == [("webhook-disabled", lab.user.email)]


def test_tries_come_to_an_end(lab: Any) -> None:
    lab.use(schedule=[1, 2])
    lab.endpoint()
    lab.emit()
    lab.listener.usual = 500
    for _ in range(3):
        assert lab.deliver() == {"status": 1}
        lab.make_due()
    assert lab.deliver() == {}
    [row] = lab.rows()
    assert (row.state, row.attempts, len(row.log)) == ("failed", 3, 3)
    assert lab.one().enabled


def test_one_request_at_a_time_for_each_endpoint_all_of_them_at_once(lab: Any) -> None:
    lab.listener.pause = 0.2
    with listening() as second:
        lab.allow(second)
        second.pause = 0.2
        lab.endpoint()
        lab.endpoint(second.url)
        lab.emit(5)
        assert lab.deliver() == {"delivered": 10}
        assert (lab.listener.most_at_once, second.most_at_once) == (1, 1)
        first = {each.id: each.at for each in lab.listener.told}
        apart = [abs(first[each.id] - each.at) for each in second.told]
        assert min(apart) < 0.2


def test_a_receiver_that_is_down_is_not_overrun(lab: Any) -> None:
    lab.endpoint()
    lab.emit(20)
    lab.listener.usual = 503
    assert lab.deliver() == {"status": 1}
    assert lab.states().count("pending") == 20
    assert lab.deliver() == {}


def test_a_receiver_may_ask_for_patience(lab: Any) -> None:
    lab.endpoint()
    lab.emit()
    lab.listener.script.append(
        lambda connection: connection.sendall(answers.plain(429, "Retry-After: 900"))
    )
    lab.deliver()
    [row] = lab.rows()
    assert 890 < (row.next_attempt_at - row.created_at).total_seconds() < 1000


def test_what_waits_goes_with_its_endpoint(lab: Any) -> None:
    endpoint_id, _ = lab.endpoint()
    lab.emit(2)
    with lab.host.database.session(lab.actor) as session:
        endpoints.change(
            session, lab.host, lab.user.space_id, endpoint_id, endpoints.Wanted(enabled=False)
        )
    assert lab.states() == ["dropped"] * 2
    with lab.host.database.session(lab.actor) as session:
        endpoints.remove(session, lab.user.space_id, endpoint_id)
    assert lab.rows() == []


def test_a_lease_that_another_has_taken_is_not_recorded_over(lab: Any) -> None:
    lab.endpoint()
    lab.emit()
    run = delivery._Run(lab.host)
    run.turn(begins=True)
    lab.make_due()
    lab.listener.usual = 500
    assert lab.deliver() == {"status": 1}
    while run.flights:
        run.turn(begins=False)
    [row] = lab.rows()
    assert (row.state, row.attempts, len(row.log)) == ("pending", 2, 1)


def test_a_key_that_is_missing_sends_nothing(lab: Any) -> None:
    lab.endpoint()
    lab.emit()
    with lab.host.database.session(SYSTEM) as session:
        session.scalars(select(WebhookEndpoint)).one().secrets_encrypted = "v1.gone.x.y"
    assert lab.deliver() == {"unreadable": 1}
    assert lab.listener.connects == 0
    assert lab.states() == ["pending"]
    assert lab.one().failing_since is None


BAD = [
    {"api_key": "x"}, {"thing": {"deep": [{"password": "x"}]}}, {"access_token": "x"},
    {"n": float("nan")}, {"x": "y" * 70_000}, {"x": object()},
]  # fmt: skip


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("data", BAD, ids=range(len(BAD)))
def test_what_is_not_told(lab: Any, data: Any) -> None:
    with pytest.raises(ValueError), lab.host.database.session(SYSTEM) as session:  # noqa: PT011
        emitting.emit(session, lab.host, lab.user.space_id, "thing.made", data)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_an_event_is_declared_first(lab: Any) -> None:
    with pytest.raises(LookupError), lab.host.database.session(SYSTEM) as session:
        emitting.emit(session, lab.host, lab.user.space_id, "thing.found", {})


def mails(lab: Any) -> list[tuple[str, str]]:
    with lab.host.database.session(SYSTEM, readonly=True) as session:
        return [
            (row.template, row.to_email)
            for row in session.scalars(
                select(OutboxMail).where(OutboxMail.template.like("webhook%"))
            )
        ]


def test_what_people_type_fails_no_act(lab: Any) -> None:
    lab.endpoint()
    lab.emit(name="a\0b\ud800c", deep=[{"x": "\udfff"}])
    assert lab.deliver() == {"delivered": 1}
    data = json.loads(lab.listener.told[0].body)["data"]
    assert (data["name"], data["deep"]) == ("a\ufffdb?c", [{"x": "?"}])


def test_ids_and_times_are_written_as_text(lab: Any) -> None:
    lab.endpoint()
    thing = UUID(int=7)
    lab.emit(other_id=thing)
    lab.deliver()
    assert json.loads(lab.listener.told[0].body)["data"]["other_id"] == str(thing)
