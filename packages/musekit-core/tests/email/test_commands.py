"""``musekit email``, as an operator runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import update
from tests.support.smtp import Receiver

from musekit.email import suppression
from musekit.email.delivery import deliver
from musekit.email.models import OutboxMail
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id

from .test_killed import environment, smtp

pytestmark = pytest.mark.parametrize("backend", ["sqlite"])
SYSTEM = Actor.system("tests")


def musekit(worker: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "musekit.cli", "email", *words], env=worker, timeout=60,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_mail_for_a_try_tells_what_came_of_it(host: Host, outbox: Any, server: Receiver) -> None:
    outbox.queue()  # another's mail is none of this command's business
    by = smtp(host, server)
    done = musekit(by, "send-test", "eve@example.com")
    assert done.returncode == 0, done.stderr
    assert "eve@example.com: taken by smtp, 2.0.0 queued as 1." in done.stderr
    assert [each.to for each in server.taken] == [["eve@example.com"]]
    assert "reaches eve@example.com" in server.taken[0].text
    told = json.loads(musekit(by, "send-test", "bounce@example.com", "--json").stdout)
    assert (told["state"], told["last_error"]) == ("failed", "RCPT: 550 5.1.1 no such mailbox")
    again = musekit(by, "send-test", "bounce@example.com")
    assert again.returncode == 1
    assert "Nothing is sent to bounce@example.com" in again.stderr
    busy = musekit(by, "send-test", "later@example.com")
    assert busy.returncode == 1
    assert "later@example.com: queued; RCPT: 451" in busy.stderr
    server.stop()
    away = musekit(by, "send-test", "ada@example.com")
    assert away.returncode == 1
    assert "ConnectionRefusedError" in away.stderr
    assert musekit(by, "send-test", "nobody").returncode == 1


def test_where_mail_is_kept_it_says_so(host: Host, outbox: Any) -> None:
    done = musekit(environment(host, EMAIL_SENDER=""), "send-test", "ada@example.com")
    assert done.returncode == 0, done.stderr
    assert "kept here and sent to nobody" in done.stderr
    assert outbox.states() == ["sent"]


def test_the_outbox_is_listed_and_failed_mails_are_queued_again(host: Host, outbox: Any) -> None:
    by = environment(host, EMAIL_SENDER="")
    for at in range(3):
        outbox.queue(f"user{at}@example.com")
    deliver(host)
    first, second, _ = outbox.rows()
    with host.database.session(SYSTEM) as session:
        failed = update(OutboxMail).where(OutboxMail.id.in_([first.id, second.id]))
        session.execute(failed.values(state="failed", last_error="550 no"))
    rows = json.loads(musekit(by, "outbox", "--json").stdout)
    assert [row["to"] for row in rows] == [f"user{at}@example.com" for at in (2, 1, 0)]
    assert "canary" not in json.dumps(rows)
    lines = musekit(by, "outbox", "--state", "failed", "--limit", "1").stdout.splitlines()
    assert [line.split("\t")[1:3] for line in lines] == [["failed", "user1@example.com"]]
    assert musekit(by, "outbox", "--state", "lost").returncode == 1
    assert musekit(by, "retry").returncode == 1
    unknown = musekit(by, "retry", str(first.id), str(new_id()))
    assert unknown.returncode == 1
    assert unknown.stdout == "1 queued again.\n"
    assert json.loads(musekit(by, "retry", "--failed", "--json").stdout) == {
        "queued": [str(second.id)]
    }
    assert sorted(outbox.states()) == ["queued", "queued", "sent"]


def test_who_is_shut_out_is_said(host: Host, outbox: Any) -> None:
    with host.database.session(SYSTEM) as session:
        suppression.add(session, "ada@example.com", suppression.EVERYTHING, "operator")
    done = musekit(environment(host, EMAIL_SENDER=""), "send-test", "Ada@Example.com")
    assert done.returncode == 1
    assert "Nothing is sent to Ada@Example.com" in done.stderr
