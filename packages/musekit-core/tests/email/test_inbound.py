"""What Resend tells afterwards: believed when it is signed, of mails of ours alone."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select, update
from standardwebhooks import Webhook
from starlette.testclient import TestClient
from tests.support.resend_double import HOOK, KEY, ResendDouble, Sent, bounce, delivery

from musekit.email.delivery import deliver
from musekit.email.models import OutboxMail, Suppression
from musekit.email.settings import EmailSettings
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id

SYSTEM = Actor.system("tests")
PATH = "/api/email/resend/webhook"
OTHER = "whsec_" + base64.b64encode(b"another-key-of-24-bytes-or-more").decode()


@pytest.fixture
def resend(host: Host) -> Iterator[ResendDouble]:
    with ResendDouble.running() as double:
        address = httpx.URL(double.url)
        host.outbound.allow(address.host, address.port or 0)
        host.sections[EmailSettings] = EmailSettings(
            provider="resend", sender="no-reply@app.example", resend_url=double.url,
            resend_api_key=SecretStr(KEY), resend_webhook_secret=SecretStr(f"{OTHER},{HOOK}"),
            retry_seconds=60,
        )  # fmt: skip
        yield double


@pytest.fixture
def sent(host: Host, outbox: Any, resend: ResendDouble) -> Sent:
    outbox.queue()
    deliver(host)
    return resend.mails[-1]


def silenced(host: Host) -> list[tuple[str, str, str]]:
    with host.database.session(SYSTEM, readonly=True) as session:
        rows = session.scalars(select(Suppression)).all()
    return [(row.email_key, row.category, row.reason) for row in rows]


def tell(client: TestClient, event: Any, **how: Any) -> int:
    body, headers = delivery(event, **how)
    status: int = client.post(PATH, content=body, headers=headers).status_code
    return status


ADA = "ada@example.com"
SUPPRESSED = {"type": "OnAccountSuppressionList", "message": "On the list.", "diagnosticCode": []}
EVENTS: list[tuple[str, dict[str, Any], str, str | None]] = [
    ("email.bounced", {"bounce": bounce()}, "failed", "bounce"),
    ("email.bounced", {"bounce": bounce("Transient", "MailboxFull")}, "failed", None),
    ("email.bounced", {"bounce": bounce("Undetermined", "Undetermined")}, "failed", None),
    ("email.complained", {}, "failed", "complaint"),
    (
        "email.suppressed", {"suppressed": SUPPRESSED | {"reason": "previous_bounce"}},
        "failed", "bounce",
    ),
    (
        "email.suppressed", {"suppressed": SUPPRESSED | {"reason": "previous_complaint"}},
        "failed", "complaint",
    ),
    ("email.failed", {"failed": {"reason": "reached_daily_quota"}}, "failed", None),
    ("email.delivered", {}, "sent", None),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "data", "state", "reason"), EVENTS)
def test_an_event_is_written_down_however_often_it_comes(
    host: Host, client: TestClient, outbox: Any, resend: ResendDouble, sent: Sent,
    kind: str, data: dict[str, Any], state: str, reason: str | None,
) -> None:  # fmt: skip
    event = resend.event(kind, sent, **data)
    for _ in range(3):
        assert tell(client, event) == 200
    assert outbox.states() == [state]
    assert silenced(host) == ([(ADA, "*", reason)] if reason else [])
    assert (outbox.queue() is None) is bool(reason)


def test_a_complaint_counts_for_more_than_a_bounce(
    host: Host, client: TestClient, resend: ResendDouble, sent: Sent
) -> None:
    complained = resend.event("email.complained", sent)
    bounced = resend.event("email.bounced", sent, bounce=bounce())
    for event in (bounced, complained, bounced):
        assert tell(client, event) == 200
    assert silenced(host) == [(ADA, "*", "complaint")]


def test_a_mail_is_known_by_its_tag_before_its_answer_came(
    host: Host, client: TestClient, outbox: Any, resend: ResendDouble
) -> None:
    outbox.queue()
    resend.faults.append("lost")
    assert deliver(host).outcomes == {"unknown": 1}
    assert tell(client, resend.event("email.bounced", resend.mails[0], bounce=bounce())) == 200
    assert outbox.states() == ["failed"]
    outbox.make_due()
    assert deliver(host).outcomes == {}


def test_of_mails_that_are_not_ours_nothing_is_believed(
    host: Host, client: TestClient, outbox: Any, resend: ResendDouble, sent: Sent
) -> None:
    other = Sent(id=str(new_id()), key="", body={**sent.body, "tags": []})
    assert tell(client, resend.event("email.complained", other)) == 200
    tags = [{"name": "musekit_mail", "value": new_id().hex}]
    other = Sent(id=sent.id, key="", body={**sent.body, "tags": tags})
    assert tell(client, resend.event("email.complained", other)) == 200
    assert (silenced(host), outbox.states()) == ([], ["sent"])
    untagged = Sent(id=sent.id, key="", body={**sent.body, "tags": []})
    assert tell(client, resend.event("email.complained", untagged)) == 200  # by Resend's own id
    assert silenced(host) == [(ADA, "*", "complaint")]


def test_a_mail_that_went_another_way_is_none_of_resends_business(
    host: Host, client: TestClient, outbox: Any, resend: ResendDouble, sent: Sent
) -> None:
    with host.database.session(SYSTEM) as session:
        session.execute(update(OutboxMail).values(provider="smtp"))
    assert tell(client, resend.event("email.complained", sent)) == 200
    assert (silenced(host), outbox.states()) == ([], ["sent"])


def test_what_is_not_signed_by_a_live_key_right_now_changes_nothing(
    host: Host, client: TestClient, outbox: Any, resend: ResendDouble, sent: Sent
) -> None:
    event = resend.event("email.complained", sent)
    body, good = delivery(event)
    number, when, signature = (good[f"svix-{name}"] for name in ("id", "timestamp", "signature"))
    evil = base64.b64encode(b"not-the-key-of-anybody-at-all-").decode()
    forged: list[tuple[bytes, dict[str, str]]] = [
        (body + b" ", good), (b"", good), (body, {}), delivery(event, secret=evil),
        delivery(event, at=time.time() - 310), delivery(event, at=time.time() + 340),
    ]  # fmt: skip
    forged += [
        (body, good | {f"svix-{name}": value})
        for name, values in {
            "id": ["", "msg_other", number + ".0"],
            "timestamp": ["", str(int(when) + 1), "now", f"{when}.0", "-1", "9" * 400, f" {when}"],
            "signature": [
                "", "v1,", signature[3:], signature.replace("v1,", "v2,"), signature.lower(),
                signature[:-4], "v1,####", "v1," + "A" * 44, f"v1a,{signature[3:]}",
            ],
        }.items()
        for value in values
    ]  # fmt: skip
    statuses = [client.post(PATH, content=b, headers=h).status_code for b, h in forged]
    assert len(forged) >= 24
    assert statuses == [400] * len(forged)
    assert (silenced(host), outbox.states()) == ([], ["sent"])


@pytest.mark.parametrize("body", [b"null", b"[]", b"{}", b'{"data": 1}', b"x", b"[" * 100_000])
def test_what_is_signed_and_no_event_is_refused(
    client: TestClient, resend: ResendDouble, body: bytes
) -> None:
    assert tell(client, body) == 400


@pytest.mark.parametrize("data", [
    {}, {"tags": None}, {"tags": {"musekit_mail": 7}}, {"tags": ["x"]}, {"email_id": {}},
    {"tags": {"musekit_mail": "\0"}}, {"email_id": "\0"}, {"bounce": "x"},
])  # fmt: skip
def test_events_of_odd_shape_say_nothing(
    host: Host, client: TestClient, resend: ResendDouble, sent: Sent, data: dict[str, Any]
) -> None:
    for kind in ("email.bounced", "email.complained", "email.", "", 7):
        assert tell(client, {"type": kind, "data": data}) == 200
    assert silenced(host) == []


def test_either_key_signs_while_they_change_and_the_official_library_agrees(
    client: TestClient, resend: ResendDouble, sent: Sent
) -> None:
    event = resend.event("email.delivered", sent)
    assert tell(client, event, secret=OTHER) == 200
    body, headers = delivery(event, secret=HOOK, prefix="webhook")
    assert Webhook(HOOK).verify(body.decode(), headers) == json.loads(body)
    svix = {name.replace("webhook-", "svix-"): value for name, value in headers.items()}
    svix["svix-signature"] = f"v1,{'A' * 43}= {svix['svix-signature']}"
    assert client.post(PATH, content=body, headers=svix).status_code == 200


def test_without_a_secret_there_is_no_such_endpoint(
    host: Host, client: TestClient, resend: ResendDouble, sent: Sent
) -> None:
    host.sections[EmailSettings] = host.settings_of(EmailSettings).model_copy(
        update={"resend_webhook_secret": None}
    )
    assert tell(client, resend.event("email.complained", sent)) == 404
