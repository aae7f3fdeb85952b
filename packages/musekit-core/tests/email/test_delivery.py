"""Sending: every mail arrives, once; and the same message where nobody can know."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import update
from tests.support.deployment import wait_for
from tests.support.smtp import Receiver
from tests.support.smtp_cutter import STEPS, cutter

from musekit.email import outbox as outbox_units
from musekit.email.delivery import deliver
from musekit.email.health import health
from musekit.email.mail import Mail
from musekit.email.models import OutboxMail
from musekit.email.settings import EmailSettings
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.kernel.queue.jobs import JobRun

SYSTEM = Actor.system("tests")


def test_without_a_server_mail_stays_to_be_read(host: Host, outbox: Any) -> None:
    outbox.queue()
    assert deliver(host).outcomes == {"accepted": 1}
    (row,) = outbox.rows()
    assert (row.state, row.provider, row.attempts) == ("sent", "outbox", 1)
    assert row.body_encrypted


def test_mail_arrives_and_leaves_no_text_behind(
    host: Host, outbox: Any, server: Receiver, by_smtp: Callable[..., None]
) -> None:
    by_smtp()
    outbox.queue()
    assert deliver(host).outcomes == {"accepted": 1}
    (row,) = outbox.rows()
    assert (row.state, row.provider, row.body_encrypted) == ("sent", "smtp", None)
    assert row.provider_ref == "2.0.0 queued as 1"
    assert row.sent_at is not None
    assert [each.message_id for each in server.taken] == [row.message_id]
    assert deliver(host).outcomes == {}


@pytest.mark.parametrize("step", STEPS)
def test_a_connection_cut_at_each_step_loses_and_doubles_nothing(
    host: Host, outbox: Any, server: Receiver, by_smtp: Callable[..., None], step: str
) -> None:
    with cutter(server.port) as proxy:
        by_smtp(proxy.port)
        for _ in range(3):
            outbox.queue()
        if step != "AUTH":  # nobody signs in here; see test_smtp
            proxy.cut(step)
        deliver(host)
        for _ in range(5):
            outbox.make_due()
            deliver(host)
    rows = outbox.rows()
    assert [row.state for row in rows] == ["sent"] * 3
    copies = server.copies()
    assert set(copies) == {row.message_id for row in rows}
    assert sorted(copies.values()) == ([1, 1, 2] if step == "dot" else [1, 1, 1])
    assert sum(row.uncertain for row in rows) == (step in ("dot", "body"))
    for each in copies:  # a copy is the same message, byte for byte
        assert len({got.content for got in server.taken if got.message_id == each}) == 1


def test_a_server_that_is_away_delays_and_loses_nothing(
    host: Host, outbox: Any, server: Receiver, by_smtp: Callable[..., None]
) -> None:
    by_smtp()
    server.stop()
    for at in range(60):
        outbox.queue(f"user{at}@example.com")
    deliver(host, seconds=1)
    assert set(outbox.states()) == {"queued"}
    server.start()
    while deliver(host).outcomes or "queued" in outbox.states():
        outbox.make_due()
    assert set(outbox.states()) == {"sent"}
    assert len(server.copies()) == 60
    assert set(server.copies().values()) == {1}


def test_while_the_server_is_away_one_mail_is_tried_for_all(
    host: Host, outbox: Any, server: Receiver, by_smtp: Callable[..., None]
) -> None:
    by_smtp(retry_seconds=60)
    server.stop()
    for at in range(30):
        outbox.queue(f"user{at}@example.com")
    assert deliver(host).outcomes == {"later": 1}
    rows = outbox.rows()
    assert sum(row.attempts for row in rows) == 1
    assert sum((row.last_error or "").startswith("not tried yet: connect") for row in rows) == 19
    assert deliver(host).outcomes == {"later": 1}  # the rest of the thirty
    server.start()
    assert deliver(host).outcomes == {}  # all wait
    outbox.make_due()
    assert deliver(host).outcomes == {"accepted": 30}
    assert set(server.copies().values()) == {1}


def test_what_waited_too_long_behind_others_has_failed_without_a_try(
    host: Host, outbox: Any, server: Receiver, by_smtp: Callable[..., None]
) -> None:
    by_smtp(retry_seconds=60, retry_hours=1, batch=5)
    server.stop()
    for at in range(5):
        outbox.queue(f"user{at}@example.com")
    deliver(host)
    late = utc_now() - timedelta(hours=2)
    with host.database.session(SYSTEM) as session:
        session.execute(update(OutboxMail).values(created_at=late))
    outbox.queue("fresh@example.com")
    outbox.make_due()
    with host.database.session(SYSTEM) as session:  # one that no worker has looked at
        never = update(OutboxMail).where(OutboxMail.to_email == "fresh@example.com")
        session.execute(never.values(created_at=late, last_error=None))
    assert deliver(host).outcomes == {"later": 1, "given up": 4}
    states = {row.to_email: row.state for row in outbox.rows()}
    assert states.pop("fresh@example.com") == "queued"
    assert set(states.values()) == {"failed"}
    with host.database.session(SYSTEM) as session:
        assert all(outbox_units.retry(session, row.id) for row in outbox.rows()[:5])
    server.start()
    outbox.make_due()
    assert deliver(host).outcomes == {"accepted": 6}


def test_one_mail_alone_can_be_sent(host: Host, outbox: Any) -> None:
    outbox.queue()
    wanted = outbox.queue("eve@example.com")
    assert deliver(host, only=wanted).outcomes == {"accepted": 1}
    assert outbox.states() == ["queued", "sent"]


def test_a_job_that_is_told_to_stop_begins_nothing(host: Host, outbox: Any) -> None:
    outbox.queue()
    host.stopping.set()
    host.registry.jobs["email-deliver"].handler(JobRun(host=host, name="email-deliver"))
    assert outbox.states() == ["queued"]


def test_several_workers_send_each_mail_once(
    host: Host, outbox: Any, server: Receiver, by_smtp: Callable[..., None]
) -> None:
    by_smtp(batch=3)
    for at in range(40):
        outbox.queue(f"user{at}@example.com")
    threads = [threading.Thread(target=deliver, args=(host,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert set(outbox.states()) == {"sent"}
    assert sorted(server.copies().values()) == [1] * 40


def test_a_worker_killed_while_sending_leaves_the_mail_to_the_next(
    host: Host, outbox: Any, server: Receiver, by_smtp: Callable[..., None]
) -> None:
    by_smtp()
    outbox.queue()
    dead = new_id()
    with host.database.session(SYSTEM) as session:
        (claimed,) = outbox_units.claim(session, dead, 10, 120)
    with host.database.session(SYSTEM) as session:
        assert outbox_units.begin(session, dead, claimed.id) == 1
    assert deliver(host).outcomes == {}  # its lease holds
    outbox.make_due()
    assert deliver(host).outcomes == {"accepted": 1}
    (row,) = outbox.rows()
    assert (row.state, row.uncertain, row.attempts) == ("sent", True, 2)
    assert server.copies() == {claimed.message_id: 1}


def test_a_mail_that_nobody_began_to_send_is_not_uncertain(
    host: Host, outbox: Any, server: Receiver, by_smtp: Callable[..., None]
) -> None:
    by_smtp()
    outbox.queue()
    with host.database.session(SYSTEM) as session:
        outbox_units.claim(session, new_id(), 10, 120)
    outbox.make_due()
    deliver(host)
    (row,) = outbox.rows()
    assert (row.state, row.uncertain, row.attempts) == ("sent", False, 1)


def test_a_worker_that_was_frozen_for_longer_than_its_lease_sends_nothing(
    host: Host, outbox: Any, server: Receiver, by_smtp: Callable[..., None]
) -> None:
    by_smtp()
    outbox.queue()
    frozen, heir = new_id(), new_id()
    with host.database.session(SYSTEM) as session:
        (row,) = outbox_units.claim(session, frozen, 10, 0.05)
    time.sleep(0.1)
    with host.database.session(SYSTEM) as session:
        assert outbox_units.begin(session, frozen, row.id) == 0  # nobody else has taken it yet
        assert [each.id for each in outbox_units.claim(session, heir, 10, 120)] == [row.id]
    with host.database.session(SYSTEM) as session:
        assert outbox_units.begin(session, frozen, row.id) == 0
        assert outbox_units.begin(session, heir, row.id) == 1


def test_only_who_holds_the_lease_records(host: Host, outbox: Any) -> None:
    outbox.queue()
    late, heir = new_id(), new_id()
    with host.database.session(SYSTEM) as session:
        (row,) = outbox_units.claim(session, late, 10, 120)
    outbox.make_due()
    with host.database.session(SYSTEM) as session:
        outbox_units.claim(session, heir, 10, 120)
    settings = host.settings_of(EmailSettings)
    outcome = outbox_units.Outcome(kind="accepted")
    for owner, mine in ((late, False), (heir, True)):
        with host.database.session(SYSTEM) as session:
            done = outbox_units.record(
                session, owner, row, outcome, provider="smtp", keeps=False, settings=settings
            )
            assert done is mine


@pytest.mark.parametrize("backend", ["postgres"])  # SQLite has no server that could be away
def test_a_database_that_restarts_while_a_mail_is_sent_doubles_nothing(
    host: Host, outbox: Any, server: Receiver, by_smtp: Callable[..., None],
    postgres_admin_url: str,
) -> None:  # fmt: skip
    by_smtp()
    outbox.queue()
    server.pause = 0.5
    name = sa.make_url(host.settings.database_url).database
    admin = sa.create_engine(postgres_admin_url, isolation_level="AUTOCOMMIT")

    def away() -> None:
        wait_for(lambda: server.taken, 10, pause=0.01)
        with admin.connect() as connection:
            connection.execute(sa.text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
            connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
                ),
                {"name": name},
            )
            time.sleep(1.2)  # the answer comes meanwhile
            connection.execute(sa.text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))

    thread = threading.Thread(target=away)
    thread.start()
    assert deliver(host).outcomes == {"accepted": 1}
    thread.join(10)
    admin.dispose()
    (row,) = outbox.rows()
    assert (row.state, row.uncertain, row.attempts) == ("sent", False, 1)
    assert list(server.copies().values()) == [1]


def test_what_cannot_be_sent_by_a_fault_of_ours_keeps_no_other(
    host: Host, outbox: Any, server: Receiver, by_smtp: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    by_smtp(retry_hours=1, retry_seconds=60)
    outbox.queue("broken@example.com")
    outbox.queue()
    as_bytes = Mail.as_bytes

    def broken(mail: Mail) -> bytes:
        if mail.to.email == "broken@example.com":
            raise ZeroDivisionError
        return as_bytes(mail)

    monkeypatch.setattr(Mail, "as_bytes", broken)
    assert deliver(host).outcomes == {"unknown": 1, "accepted": 1}
    assert outbox.states() == ["queued", "sent"]
    with host.database.session(SYSTEM) as session:
        session.execute(update(OutboxMail).values(created_at=utc_now() - timedelta(hours=2)))
    outbox.make_due()
    deliver(host)
    assert outbox.states() == ["failed", "sent"]


def test_a_retry_is_rung_for_when_it_is_due(
    host: Host, outbox: Any, server: Receiver, by_smtp: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("random.uniform", lambda _, high: high)
    by_smtp(retry_seconds=10)
    server.stop()
    outbox.queue()
    host.broker.queue.storage.flush_all()
    for _ in range(3):  # however often it fails meanwhile, one bell is on its way
        deliver(host)
        outbox.make_due()
    assert host.broker.queue.storage.schedule_size() == 1


def test_a_mailbox_that_does_not_exist_gets_no_more(
    host: Host, outbox: Any, server: Receiver, by_smtp: Callable[..., None]
) -> None:
    by_smtp()
    outbox.queue("bounce@example.com")
    outbox.queue("spam@example.com")
    assert deliver(host).outcomes == {"refused": 2}
    assert outbox.states() == ["failed", "failed"]
    assert outbox.queue("bounce@example.com") is None
    assert outbox.queue("spam@example.com") is not None  # the message was refused, not the mailbox
    assert health(host).status == "warn"
    assert "2 mails" in health(host).detail


def test_what_can_never_be_sent_fails_after_its_time(
    host: Host, outbox: Any, server: Receiver, by_smtp: Callable[..., None]
) -> None:
    by_smtp(retry_hours=1, retry_seconds=60)
    outbox.queue("later@example.com")
    assert deliver(host).outcomes == {"later": 1}
    assert outbox.states() == ["queued"]
    with host.database.session(SYSTEM) as session:
        session.execute(update(OutboxMail).values(created_at=utc_now() - timedelta(hours=2)))
    assert "1 mails wait" in health(host).detail
    outbox.make_due()
    deliver(host)
    (row,) = outbox.rows()
    assert row.state == "failed"
    assert "451 4.2.0 greylisted" in (row.last_error or "")
    with host.database.session(SYSTEM) as session:
        assert outbox_units.retry(session, row.id)
    assert outbox.states() == ["queued"]


def test_waits_double_and_are_spread(host: Host) -> None:
    settings = EmailSettings(retry_seconds=30)
    for attempts, longest in ((1, 30), (2, 60), (4, 240), (9, 3600), (500, 3600)):
        waits = [outbox_units.wait(attempts, settings) for _ in range(200)]
        assert 0.8 * longest < max(waits) <= longest
        assert min(waits) < 0.2 * longest


def test_settled_mail_is_swept_after_its_days(host: Host, outbox: Any) -> None:
    outbox.queue()
    deliver(host)
    outbox.queue()
    with host.database.session(SYSTEM) as session:
        session.execute(update(OutboxMail).values(created_at=utc_now() - timedelta(days=31)))
    with host.database.session(SYSTEM) as session:
        assert outbox_units.sweep(session, 30) == 1
    assert outbox.states() == ["queued"]


def test_a_batch_that_is_interrupted_gives_back_the_rest(
    host: Host, outbox: Any, server: Receiver, by_smtp: Callable[..., None]
) -> None:
    by_smtp()
    for _ in range(5):
        outbox.queue()
    report = deliver(host, stopping=lambda: len(server.taken) >= 2)
    assert report.more
    assert sorted(outbox.states()) == ["queued"] * 3 + ["sent"] * 2
    assert {row.attempts for row in outbox.rows() if row.state == "queued"} == {0}
    deliver(host)
    assert sorted(server.copies().values()) == [1] * 5
