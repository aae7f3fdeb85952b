"""The outbox, mailboxes and templates by JSON; what goes out is not read here either."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from musekit.email.delivery import deliver
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id

from .conftest import change_mail


def test_text_is_told_only_of_mail_that_stays_here(
    host: Host, operator: Any, mail_id: UUID
) -> None:
    assert operator.got(f"/email/{mail_id}")["text"] is None  # it may still go out
    for state in ("queued", "sending", "failed", "sent"):
        change_mail(host, mail_id, state=state, provider="smtp")
        assert "canary" not in operator.ask("GET", f"/email/{mail_id}").text, state
    change_mail(host, mail_id, state="queued", provider=None)
    deliver(host)
    assert "canary-of-a-link" in operator.got(f"/email/{mail_id}")["text"]
    assert "canary" not in operator.ask("GET", "/email").text


def test_what_failed_is_sent_again(host: Host, operator: Any, mail_id: UUID) -> None:
    assert operator.ask("POST", f"/email/{mail_id}/retry").status_code == 409
    change_mail(host, mail_id, state="failed", last_error="RCPT: 451 busy", attempts=9)
    found = operator.got("/email", state="failed", search="ADA@")["items"]
    assert [(each["id"], each["last_error"]) for each in found] == [
        (str(mail_id), "RCPT: 451 busy")
    ]
    assert operator.ask("POST", f"/email/{mail_id}/retry").status_code == 204
    assert operator.got(f"/email/{mail_id}")["state"] == "queued"
    change_mail(host, mail_id, state="failed")
    assert operator.ask("POST", "/email/failed/retry").json() == {"mails": 1}
    assert operator.ask("POST", "/email/failed/retry").json() == {"mails": 0}
    assert deliver(host).outcomes == {"accepted": 1}
    assert operator.ask("POST", f"/email/{new_id()}/retry").status_code == 404
    assert operator.ask("GET", f"/email/{new_id()}").status_code == 404


def test_a_mailbox_is_silenced_and_opened(operator: Any) -> None:
    box = {"address": "Silent@Example.com"}
    assert operator.ask("POST", "/email/suppressions", box).status_code == 204
    found = operator.got("/email/suppressions", search="silent", reason="operator")["items"]
    assert [(each["address"], each["category"]) for each in found] == [("silent@example.com", "*")]
    which = {"address": "silent@example.com", "category": "*"}
    assert operator.ask("DELETE", "/email/suppressions", **which).status_code == 204
    assert operator.ask("DELETE", "/email/suppressions", **which).status_code == 404
    assert (
        operator.ask("DELETE", "/email/suppressions", address="\0", category="*").status_code == 404
    )
    assert operator.ask("POST", "/email/suppressions", {"address": "nobody"}).status_code == 422


@pytest.mark.parametrize("backend", ["sqlite"])
def test_templates_and_one_for_a_try(host: Host, operator: Any) -> None:
    listed = operator.got("/email/templates", search="VERIFY")["items"]
    assert "verify-email" in {each["template"] for each in listed}
    found = operator.got("/email/templates/verify-email")
    assert found["subject"]
    assert found["text"]
    assert "<html" in found["html"]
    tried = operator.ask("POST", "/email/templates/verify-email/try").json()
    assert operator.got(f"/email/{tried['mail_id']}")["to_email"] == "operator@example.com"
    assert operator.ask("GET", "/email/templates/nothing").status_code == 404
