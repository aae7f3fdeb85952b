"""Secrets: two live ones, rotation, at rest; judged by the official library."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook, WebhookVerificationError

from musekit.kernel.actors import Actor
from musekit.kernel.crypto.columns import registered
from musekit.kernel.database.types import utc_now
from musekit.webhooks import endpoints, sealing, signing
from musekit.webhooks.models import WebhookEndpoint

SYSTEM = Actor.system("tests")


def rotate(lab: Any, endpoint_id: Any, **more: bool) -> str:
    with lab.host.database.session(lab.actor) as session:
        row = endpoints.locked(session, lab.user.space_id, endpoint_id)
        return sealing.rotate(lab.host, row, **more)


def takes(lab: Any, secret: str) -> bool:
    """Say whether a receiver with this secret takes what was told last."""
    told = lab.listener.told[-1]
    try:
        Webhook(secret).verify(told.body, told.headers)
    except WebhookVerificationError:
        return False
    return True


def tell(lab: Any) -> list[str]:
    lab.emit()
    assert lab.deliver() == {"delivered": 1}
    return lab.listener.told[-1].headers["webhook-signature"].split(" ")


def test_two_secrets_are_live_while_one_is_changed(lab: Any) -> None:
    endpoint_id, first = lab.endpoint()
    assert len(tell(lab)) == 1
    assert takes(lab, first)
    second = rotate(lab, endpoint_id)
    assert len(tell(lab)) == 2
    assert takes(lab, first)
    assert takes(lab, second)
    third = rotate(lab, endpoint_id)  # what was ending ends now
    assert len(tell(lab)) == 2
    assert [takes(lab, each) for each in (first, second, third)] == [False, True, True]
    fourth = rotate(lab, endpoint_id, at_once=True)
    assert len(tell(lab)) == 1
    assert [takes(lab, each) for each in (second, third, fourth)] == [False, False, True]


def test_the_one_before_ends_after_a_day(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint_id, first = lab.endpoint()
    second = rotate(lab, endpoint_id)
    row = lab.one()
    until = sealing.rotating_until(lab.host, row)
    assert until is not None
    assert timedelta(hours=23) < until - utc_now() <= timedelta(hours=24)
    monkeypatch.setattr(sealing, "utc_now", lambda: utc_now() + timedelta(hours=25))
    tell(lab)
    assert [takes(lab, each) for each in (first, second)] == [False, True]
    assert sealing.rotating_until(lab.host, row) is None


def test_secrets_are_encrypted_where_they_stand(lab: Any) -> None:
    _, secret = lab.endpoint()
    row = lab.one()
    assert row.secrets_encrypted.startswith("v1.")
    assert secret not in row.secrets_encrypted
    assert ("webhook_endpoints", "secrets_encrypted") in {
        (each.table, each.column) for each in registered()
    }
    with lab.host.database.session(SYSTEM, readonly=True) as session:
        [one] = session.scalars(select(WebhookEndpoint))
        assert [each.secret for each in sealing.open_all(lab.host, one)] == [secret]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_signature_is_as_the_standard_has_it(lab: Any) -> None:
    """The example of the specification (standardwebhooks.com, version 1.0.0)."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    assert (
        signing.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )
    assert len({signing.new_secret() for _ in range(100)}) == 100
    assert json.loads(json.dumps(signing.headers([secret], "msg_1", 1, body)))
