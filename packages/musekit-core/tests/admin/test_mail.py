"""The outbox: read where mail stays here, and nowhere else; sent again when it failed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from musekit.email.delivery import deliver
from musekit.kernel.host import Host

from .conftest import change_mail


def test_mail_that_stays_here_is_read_here(host: Host, operator: Any, mail_id: UUID) -> None:
    path = f"/admin/email/{mail_id}"
    assert "canary" not in operator.page(path).text  # it may still go out
    deliver(host)
    assert "ada@example.com" in operator.page("/admin/email").text
    page = operator.page(path).text
    assert 'href="https://app.example/reset/canary-of-a-link"' in page


@pytest.mark.parametrize("state", ["queued", "sending", "failed", "sent"])
def test_mail_that_goes_out_is_not_for_the_operators_eyes(
    host: Host, operator: Any, mail_id: UUID, state: str
) -> None:
    change_mail(host, mail_id, state=state, provider="smtp")
    page = operator.page(f"/admin/email/{mail_id}")
    assert page.status_code == 200
    assert "canary" not in page.text


def test_what_failed_is_sent_again(host: Host, operator: Any, mail_id: UUID) -> None:
    change_mail(host, mail_id, state="failed", last_error="RCPT: 451 busy", attempts=9)
    page = operator.page("/admin/email", state="failed").text
    assert "Choose a new password" in page
    assert "RCPT: 451 busy" in operator.page(f"/admin/email/{mail_id}").text
    assert operator.send(f"/admin/email/{mail_id}/again").status_code == 303
    assert deliver(host).outcomes == {"accepted": 1}
    assert operator.send(f"/admin/email/{mail_id}/again").status_code == 303
    assert "Sent" in operator.page("/admin/email", search="ADA@").text


def test_no_such_mail(operator: Any) -> None:
    nobody = operator.user.user_id
    assert operator.page(f"/admin/email/{nobody}").status_code == 404
    assert operator.send(f"/admin/email/{nobody}/again").status_code == 404
