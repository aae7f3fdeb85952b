"""Workers that die in the middle of their work: nothing is lost, and a copy is the same message."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.deployment import wait_for
from tests.support.resend_double import KEY, ResendDouble
from tests.support.smtp import Receiver

from musekit.email.delivery import deliver
from musekit.kernel.host import Host

from .deliver_once import POINTS

MAILS, KILLS = 30, 3
SCRIPT = str(Path(__file__).with_name("deliver_once.py"))


def environment(host: Host, **more: str) -> dict[str, str]:
    """The environment of a worker of the host's database."""
    settings = host.settings
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("MUSEKIT")},
        "MUSEKIT_MODE": "test", "MUSEKIT_DATA_DIR": str(settings.data_dir),
        "MUSEKIT_DATABASE_URL": settings.database_url,
        "MUSEKIT_DATABASE_SYSTEM_URL": settings.database_system_url,
        "MUSEKIT_DATABASE_OWNER_URL": settings.database_owner_url,
        "MUSEKIT_EMAIL_SENDER": "no-reply@app.example",
        **{f"MUSEKIT_{name}": value for name, value in more.items()},
    }  # fmt: skip


def smtp(host: Host, server: Receiver) -> dict[str, str]:
    """The environment of a worker that sends by SMTP."""
    return environment(
        host, EMAIL_PROVIDER="smtp", EMAIL_SMTP_HOST="127.0.0.1",
        EMAIL_SMTP_PORT=str(server.port), EMAIL_SMTP_SECURITY="none",
    )  # fmt: skip


def dies_at(point: str, worker: dict[str, str]) -> None:
    done = subprocess.run([sys.executable, SCRIPT, point], env=worker, timeout=60, check=False)
    assert done.returncode == -9, f"it did not pass {point}"


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_each_point_by_smtp(
    host: Host, outbox: Any, server: Receiver, by_smtp: Callable[..., None], point: str
) -> None:
    outbox.queue()
    outbox.queue("eve@example.com")
    dies_at(point, smtp(host, server))
    outbox.make_due()  # its lease runs out
    by_smtp()
    deliver(host)
    first, second = outbox.rows()
    assert (first.state, second.state) == ("sent", "sent")
    assert first.uncertain is (point not in ("claimed", "recorded"))
    assert second.uncertain is False
    twice = point in ("dot", "sent", "recording")
    assert server.copies() == {first.message_id: 1 + twice, second.message_id: 1}
    assert len({got.content for got in server.taken}) == 2


@pytest.mark.parametrize("point", [point for point in POINTS if point != "dot"])
def test_killed_at_each_point_by_resend(host: Host, outbox: Any, point: str) -> None:
    outbox.queue()
    outbox.queue("eve@example.com")
    with ResendDouble.running() as resend:
        worker = environment(
            host, EMAIL_PROVIDER="resend", EMAIL_RESEND_URL=resend.url, EMAIL_RESEND_API_KEY=KEY,
            OUTBOUND_ALLOW=f'["{resend.url.removeprefix("http://")}"]',
        )  # fmt: skip
        dies_at(point, worker)
        outbox.make_due()
        subprocess.run([sys.executable, SCRIPT], env=worker, timeout=60, check=True)
        rows = outbox.rows()
        assert [row.state for row in rows] == ["sent", "sent"]
        assert resend.per_key() == {str(row.id): 1 for row in rows}
        assert len(resend.asked) == 2 + (point in ("sent", "recording"))


def test_killed_workers_lose_nothing(
    host: Host, outbox: Any, server: Receiver, by_smtp: Callable[..., None]
) -> None:
    for at in range(MAILS):
        outbox.queue(f"user{at}@example.com")
    server.pause = 0.05  # a kill finds a mail on its way
    for kill in range(1, KILLS + 1):
        worker = subprocess.Popen([sys.executable, SCRIPT], env=smtp(host, server))
        wait_for(lambda wanted=4 * kill: len(server.taken) >= wanted, 30, pause=0.005)
        worker.kill()
        worker.wait(10)
        outbox.make_due()  # the lease of the dead runs out
    server.pause = 0
    by_smtp()
    deliver(host)
    rows = outbox.rows()
    assert [row.state for row in rows] == ["sent"] * MAILS
    copies = server.copies()
    assert set(copies) == {row.message_id for row in rows}
    assert sum(copies.values()) <= MAILS + KILLS  # each worker had one mail in its hands
    uncertain = {row.message_id for row in rows if row.uncertain}
    assert {each for each, count in copies.items() if count > 1} <= uncertain
    assert len(uncertain) <= KILLS
    for each in copies:
        assert len({got.content for got in server.taken if got.message_id == each}) == 1
