"""Background work by JSON: what failed and is parked, run again or forgotten; who works."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from musekit.audit.models import AuditEntry
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.kernel.queue.messages import Message
from musekit.kernel.queue.models import FailedJob, WorkerProcess
from musekit.kernel.queue.parking import park

SYSTEM = Actor.system("tests")


def failed(host: Host, *, count: int = 1, name: str = "usage-sweep") -> list[str]:
    """Leave failed jobs, the oldest first; return their ids."""
    ids = [new_id() for _ in range(count)]
    with host.database.session(SYSTEM) as session:
        session.add_all(
            FailedJob(
                id=each, name=name, ids={"space_id": "x"}, attempts=4, error="OSError: away",
                failed_at=utc_now() - timedelta(minutes=count - at),
            )
            for at, each in enumerate(ids)
        )  # fmt: skip
    return [str(each) for each in ids]


def test_failed_jobs_page_by_page_run_again_and_forgotten(host: Host, operator: Any) -> None:
    ids = failed(host, count=60)
    first = operator.got("/jobs/failed")
    rest = operator.got("/jobs/failed", cursor=first["next_cursor"])
    assert [each["id"] for each in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None
    assert first["items"][0]["why"] == "OSError: away"
    assert first["items"][0]["ids"] == {"space_id": "x"}
    assert operator.got("/jobs/failed", search="else")["items"] == []
    assert operator.ask("GET", "/jobs/parked", cursor=first["next_cursor"]).status_code == 422
    before = host.broker.depth()
    assert before is not None
    assert operator.ask("POST", f"/jobs/failed/{ids[0]}/retry").status_code == 204
    assert host.broker.depth() == before + 1
    assert operator.ask("POST", f"/jobs/failed/{ids[0]}/retry").status_code == 404
    assert operator.ask("DELETE", f"/jobs/failed/{ids[1]}").status_code == 204
    assert operator.ask("DELETE", f"/jobs/failed/{ids[1]}").status_code == 404
    assert operator.got("/jobs")["failed"] == "58"
    with host.database.session(SYSTEM, readonly=True) as session:
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.target_kind == "job").order_by(AuditEntry.at)
        ).all()
    assert [each.action for each in entries] == ["job.retried", "job.dropped"]


def test_a_job_that_nobody_knows_stays(host: Host, operator: Any) -> None:
    park(host, Message(name="of-a-plugin-that-is-gone", ids={"id": "7"}), "nobody declares it")
    parked = operator.got("/jobs/parked")["items"]
    assert [(each["name"], each["attempts"]) for each in parked] == [
        ("of-a-plugin-that-is-gone", None)
    ]
    answer = operator.ask("POST", f"/jobs/parked/{parked[0]['id']}/retry")
    assert answer.status_code == 409
    assert "No active plugin" in answer.json()["detail"]
    assert operator.got("/jobs")["parked"] == "1"


@pytest.mark.parametrize("backend", ["sqlite"])
def test_who_works_and_what_is_declared(host: Host, operator: Any) -> None:
    now = utc_now()
    with host.database.session(SYSTEM) as session:
        session.add(
            WorkerProcess(
                id=new_id(), host="box", pid=7, version="1", started_at=now, seen_at=now,
                running=[{"name": "email-deliver", "since": now.isoformat()}],
                counts={"email-deliver": {"done": 3, "failed": 1}},
            )
        )  # fmt: skip
    found = operator.got("/jobs")
    worker = found["workers"][0]
    assert (worker["alive"], worker["done"], worker["failed"]) == (True, 3, 1)
    assert [each["name"] for each in worker["running"]] == ["email-deliver"]
    assert {each["name"] for each in found["jobs"]} == set(host.registry.jobs)
    assert operator.ask("GET", "/jobs/lost").status_code == 422
