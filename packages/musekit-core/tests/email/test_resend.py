"""Resend: one mail per key however often it is asked for, and what it tells of mails afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import update
from tests.support.resend_double import HOOK, KEY, ResendDouble

from musekit.email import outbox as outbox_units
from musekit.email.delivery import deliver
from musekit.email.health import health
from musekit.email.models import OutboxMail
from musekit.email.settings import EmailSettings
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import db_now, utc_now
from musekit.kernel.host import Host

SYSTEM = Actor.system("tests")


@pytest.fixture
def resend() -> Iterator[ResendDouble]:
    with ResendDouble.running() as double:
        yield double


@pytest.fixture
def by_resend(host: Host, resend: ResendDouble) -> Callable[..., None]:
    """Have the host send by the double."""
    address = httpx.URL(resend.url)
    host.outbound.allow(address.host, address.port or 0)

    def use(**more: Any) -> None:
        given = {
            "provider": "resend", "sender": "no-reply@app.example", "resend_url": resend.url,
            "resend_api_key": SecretStr(KEY), "resend_webhook_secret": SecretStr(HOOK),
            "retry_seconds": 0.001,
        }  # fmt: skip
        host.sections[EmailSettings] = EmailSettings(**(given | more))

    use()
    return use


@pytest.mark.usefixtures("by_resend")
def test_a_mail_leaves_with_all_that_is_its(
    host: Host, outbox: Any, resend: ResendDouble, by_resend: Callable[..., None]
) -> None:
    by_resend(reply_to="help@app.example", sender_name="Things, Inc.")
    outbox.queue("grüße@example.com")
    assert deliver(host).outcomes == {"accepted": 1}
    (row,) = outbox.rows()
    (mail,) = resend.mails
    assert (row.state, row.provider, row.provider_ref) == ("sent", "resend", mail.id)
    assert row.body_encrypted is None
    assert mail.key == str(row.id)
    assert mail.body["from"] == '"Things, Inc." <no-reply@app.example>'
    assert mail.body["to"] == ["Ada <grüße@example.com>"]
    assert mail.body["reply_to"] == "help@app.example"
    assert mail.body["headers"] == {"Auto-Submitted": "auto-generated"}
    for part in ("html", "text"):
        assert "canary-of-a-link" in mail.body[part]


@pytest.mark.usefixtures("by_resend")
@pytest.mark.parametrize("fault", ["lost", "500 after", "500", "409", "html"])
def test_answers_that_are_lost_make_one_mail_per_key(
    host: Host, outbox: Any, resend: ResendDouble, fault: str
) -> None:
    for at in range(20):
        outbox.queue(f"user{at}@example.com")
    resend.faults.extend([fault, "", fault, fault, ""] * 5)
    for _ in range(12):
        deliver(host)
        outbox.make_due()
    rows = outbox.rows()
    assert {row.state for row in rows} == {"sent"}
    assert {row.provider_ref for row in rows} == {mail.id for mail in resend.mails}
    assert resend.per_key() == {str(row.id): 1 for row in rows}
    assert len(resend.asked) == 35  # as many tries more as answers were lost
    assert sum(row.uncertain for row in rows) >= 10


def test_an_answer_that_comes_too_late_is_asked_for_again(
    host: Host, outbox: Any, resend: ResendDouble, by_resend: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    by_resend(retry_seconds=60)
    monkeypatch.setattr("musekit.email.resend.TIMEOUT", 0.5)
    outbox.queue()
    resend.faults.append("slow")
    assert deliver(host).outcomes == {"unknown": 1}
    assert "no answer in time" in (outbox.rows()[0].last_error or "")
    outbox.make_due()
    assert deliver(host).outcomes == {"accepted": 1}
    assert resend.per_key() == {str(outbox.rows()[0].id): 1}
    assert len(resend.asked) == 2


@pytest.mark.usefixtures("by_resend")
@pytest.mark.parametrize(
    "fault", ["429", "429 later", "401", "403", "403 domain", "400 key", "422 sender"]
)
def test_what_concerns_every_mail_holds_the_others_back(
    host: Host, outbox: Any, resend: ResendDouble, fault: str
) -> None:
    for at in range(5):
        outbox.queue(f"user{at}@example.com")
    resend.faults.append(fault)
    assert deliver(host).outcomes == {"later": 1}
    assert len(resend.asked) == 1
    rows = outbox.rows()
    assert [row.attempts for row in rows] == [1, 0, 0, 0, 0]
    assert all(row.state == "queued" and row.last_error for row in rows)
    assert all((row.last_error or "").startswith("not tried yet") for row in rows[1:])
    assert not any(KEY in (row.last_error or "") for row in rows)
    waits = [(row.next_attempt_at - utc_now()).total_seconds() for row in rows]
    assert (min(waits) > 3500) is (fault == "429 later")  # for the day's quota Resend says so
    outbox.make_due()
    assert deliver(host).outcomes == {"accepted": 5}
    assert not any(row.uncertain for row in outbox.rows())


@pytest.mark.usefixtures("by_resend")
def test_at_two_mails_a_second_all_go_out_in_time(
    host: Host, outbox: Any, resend: ResendDouble
) -> None:
    resend.rate = 20
    for at in range(12):
        outbox.queue(f"user{at}@example.com")
    deadline = time.monotonic() + 20
    while set(outbox.states()) != {"sent"} and time.monotonic() < deadline:
        deliver(host)
        outbox.make_due()
    assert resend.per_key() == {str(row.id): 1 for row in outbox.rows()}


@pytest.mark.usefixtures("by_resend")
def test_what_resend_refuses_has_failed(host: Host, outbox: Any, resend: ResendDouble) -> None:
    outbox.queue()
    outbox.queue("eve@example.com")
    resend.faults.append("422")
    assert deliver(host).outcomes == {"refused": 1, "accepted": 1}
    assert sorted(outbox.states()) == ["failed", "sent"]
    assert "validation_error" in (outbox.rows()[0].last_error or "")


@pytest.mark.usefixtures("by_resend")
def test_a_mail_is_not_tried_again_when_its_key_may_be_forgotten(
    host: Host, outbox: Any, resend: ResendDouble, by_resend: Callable[..., None]
) -> None:
    by_resend(retry_seconds=60)
    outbox.queue()
    resend.faults.append("lost")
    assert deliver(host).outcomes == {"unknown": 1}
    resend.forget_keys()
    with host.database.session(SYSTEM) as session:
        day = utc_now() - timedelta(hours=24)
        session.execute(update(OutboxMail).values(created_at=day, next_attempt_at=db_now()))
    assert deliver(host).outcomes == {"refused": 1}
    (row,) = outbox.rows()
    assert (row.state, row.uncertain) == ("failed", True)
    assert (row.last_error or "").startswith("may have been sent")
    assert len(resend.mails) == 1
    with host.database.session(SYSTEM) as session:
        assert outbox_units.failed(session) == []  # not with all others at once
        assert outbox_units.retry(session, row.id)  # a person may decide so
    assert deliver(host).outcomes == {"accepted": 1}
    assert len(resend.mails) == 2


@pytest.mark.usefixtures("by_resend")
def test_nobody_there_is_later_and_sends_nothing(
    host: Host, outbox: Any, by_resend: Callable[..., None]
) -> None:
    host.outbound.allow("127.0.0.1", 9)
    by_resend(resend_url="http://127.0.0.1:9")
    outbox.queue()
    assert deliver(host).outcomes == {"later": 1}
    assert not outbox.rows()[0].uncertain


def test_health_asks_for_the_webhook(host: Host, by_resend: Callable[..., None]) -> None:
    assert health(host).status == "ok"
    by_resend(resend_webhook_secret=None)
    assert "/api/email/resend/webhook" in health(host).advice


def test_settings_say_what_is_missing() -> None:
    given: dict[str, Any] = {"provider": "resend", "sender": "no-reply@app.example"}
    with pytest.raises(ValidationError, match="must be set, for MUSEKIT_EMAIL_PROVIDER is resend"):
        EmailSettings(**given)
    given["resend_api_key"] = SecretStr(KEY)
    assert EmailSettings(**given).webhook_keys == []
    for secret in ("whsec_short", "whsec_" + "A" * 16, "whsec_!!!", f"{HOOK},whsec_QUJD"):
        with pytest.raises(ValidationError, match="whsec_|shorter"):
            EmailSettings(**given, resend_webhook_secret=SecretStr(secret))
    two = EmailSettings(**given, resend_webhook_secret=SecretStr(f"{HOOK}, {HOOK}"))
    assert len(two.webhook_keys) == 2
    assert KEY not in repr(two)
