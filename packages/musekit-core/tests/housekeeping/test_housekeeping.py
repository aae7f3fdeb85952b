"""The core's own job and health check, in a real host with a real worker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update

from musekit.email.models import OutboxMail
from musekit.housekeeping.jobs import queue_health, sweep
from musekit.kernel.actors import Actor
from musekit.kernel.build import build_host
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.kernel.queue.models import JobSchedule
from musekit.kernel.queue.worker import start_embedded
from musekit.kernel.ratelimit import RateCounter, hit
from musekit.kernel.settings import CoreSettings
from musekit.kernel.web import idempotency_store as store
from musekit.kernel.web.idempotency_models import IdempotencyRecord

SYSTEM = Actor.system("tests")


@pytest.fixture
def host(settings: CoreSettings) -> Iterator[Host]:
    built = build_host(settings, plugins=["musekit"], strict=True)
    yield built
    built.close()


def count(host: Host, model: Any) -> int:
    with host.database.session(SYSTEM, readonly=True) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_the_sweep_deletes_only_what_has_run_out(host: Host, app: FastAPI, make_user: Any) -> None:
    user = make_user()
    with host.database.session(SYSTEM) as session:
        hit(session, "old", 5, 60, now=time.time() - 1000)
        hit(session, "fresh", 5, 60)
        for key in ("old", "fresh"):
            ask = store.Ask(
                space_id=user.space_id, user_id=user.user_id, method="POST", path="/", key=key,
                fingerprint=b"\0" * 32,
            )  # fmt: skip
            store.claim(session, ask)
        session.execute(
            update(IdempotencyRecord)
            .where(IdempotencyRecord.key == "old")
            .values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        )
        old = datetime.now(UTC) - timedelta(days=60)
        for message_id, at in (("old", old), ("fresh", datetime.now(UTC))):
            session.add(
                OutboxMail(
                    message_id=message_id, template="x", to_email="a@example.com", subject="x",
                    state="sent", created_at=at,
                )
            )  # fmt: skip
    sweep(host)
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(IdempotencyRecord.key)).all() == ["fresh"]
        assert session.scalars(select(OutboxMail.message_id)).all() == ["fresh"]
        assert "old" not in session.scalars(select(RateCounter.scope)).all()
        assert "fresh" in session.scalars(select(RateCounter.scope)).all()
    assert user.client.get("/api/auth/me").status_code == 200  # the session lives


def test_a_worker_schedules_the_sweep_and_parked_jobs_show_in_health(host: Host) -> None:
    assert queue_health(host).status == "ok"
    worker = start_embedded(host)
    host.broker.enqueue("of-a-plugin-that-is-gone", row=new_id())
    end = time.monotonic() + 10
    while queue_health(host).status == "ok" or count(host, JobSchedule) == 0:
        assert time.monotonic() < end
        time.sleep(0.05)
    health = queue_health(host)
    assert health.status == "warn"
    assert "of-a-plugin-that-is-gone (1)" in health.detail
    with host.database.session(SYSTEM, readonly=True) as session:
        assert "musekit-sweep" in session.scalars(select(JobSchedule.name)).all()
    assert worker.stop(5)
