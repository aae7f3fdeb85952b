"""Background work: what failed is kept once, run again or forgotten; so is what is parked."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from musekit.audit.models import AuditEntry
from musekit.declarations import Job
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.kernel.queue.messages import Message
from musekit.kernel.queue.models import FailedJob, ParkedJob, WorkerProcess
from musekit.kernel.queue.parking import park
from musekit.kernel.queue.running import run_job
from musekit.kernel.registry import Contribution

SYSTEM = Actor.system("tests")


def rows(host: Host, model: Any) -> Any:
    with host.database.session(SYSTEM, readonly=True) as session:
        return session.scalars(select(model)).all()


def main(page: Any) -> str:
    text: str = page.text.partition("<main")[2]
    return text


@pytest.fixture
def failed(host: Host) -> UUID:
    job_id = new_id()
    with host.database.session(SYSTEM) as session:
        session.add(
            FailedJob(
                id=job_id, name="usage-sweep", ids={"space_id": "x"}, attempts=4,
                error="OSError: away", failed_at=utc_now(),
            )
        )  # fmt: skip
    return job_id


def test_what_fails_for_good_is_kept_once_and_without_secrets(host: Host) -> None:
    def fails(run: Any) -> None:
        raise OSError("postgresql://u:canary-of-a-password@db is away")

    host.registry.frozen = False
    host.registry.accept(
        "musekit", Contribution(items={"jobs": [Job(name="broken", handler=fails, retries=1)]})
    )
    retried: list[Any] = []
    for number in (1, 2, 2):
        run_job(
            host, Message(name="broken", ids={"id": "7"}, attempt=number),
            lambda message, delay: retried.append(message.attempt),
        )  # fmt: skip
    run_job(host, Message(name="broken", ids={"id": "8"}, attempt=2), lambda message, delay: None)
    assert retried == [2]
    kept = rows(host, FailedJob)
    assert sorted(each.ids["id"] for each in kept) == ["7", "8"]
    assert kept[0].attempts == 2
    assert kept[0].error.startswith("OSError: ")
    assert "canary" not in kept[0].error


def test_failed_and_run_again(host: Host, operator: Any, failed: UUID) -> None:
    assert "OSError: away" in main(operator.page("/admin/jobs/failed"))
    assert "OSError" not in main(operator.page("/admin/jobs/failed", search="else"))
    before = host.broker.depth()
    assert before is not None
    operator.send(f"/admin/jobs/failed/{failed}/retry")
    assert host.broker.depth() == before + 1
    assert rows(host, FailedJob) == []
    operator.send(f"/admin/jobs/failed/{failed}/retry")  # somebody was faster
    assert host.broker.depth() == before + 1
    assert [e.action for e in rows(host, AuditEntry) if e.target_kind == "job"] == ["job.retried"]


def test_forgotten(host: Host, operator: Any, failed: UUID) -> None:
    operator.send(f"/admin/jobs/failed/{failed}/drop")
    assert rows(host, FailedJob) == []
    assert [e.action for e in rows(host, AuditEntry) if e.target_kind == "job"] == ["job.dropped"]
    assert "Nothing is here" in main(operator.page("/admin/jobs/failed"))


def test_the_queue_is_away(
    host: Host, operator: Any, failed: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host.broker, "ring", lambda message: False)
    operator.send(f"/admin/jobs/failed/{failed}/retry")
    assert "cannot be reached" in operator.page("/admin/jobs/failed").text
    assert len(rows(host, FailedJob)) == 1


def test_parked_ones_wait_for_their_plugin(host: Host, operator: Any) -> None:
    park(host, Message(name="of-a-plugin-that-is-gone", ids={"post_id": "1"}), "nobody knows it")
    job_id = rows(host, ParkedJob)[0].id
    page = main(operator.page("/admin/jobs/parked"))
    assert "nobody knows it" in page
    assert "Run again" not in page
    operator.send(f"/admin/jobs/parked/{job_id}/retry")
    assert len(rows(host, ParkedJob)) == 1
    operator.send(f"/admin/jobs/parked/{job_id}/drop")
    assert rows(host, ParkedJob) == []


def test_who_works_and_when(host: Host, operator: Any) -> None:
    with host.database.session(SYSTEM) as session:
        session.add(
            WorkerProcess(
                host="machine-7", pid=4711, version="1", started_at=utc_now(), seen_at=utc_now(),
                running=["email-deliver"], services=[],
            )
        )  # fmt: skip
    page = main(operator.page("/admin/jobs"))
    assert "machine-7" in page
    assert "email-deliver" in page
    assert "usage-warnings" in page


@pytest.mark.parametrize("backend", ["sqlite"])
def test_there_are_two_such_lists(operator: Any) -> None:
    assert operator.page("/admin/jobs/else").status_code == 422
    nobody = operator.user.user_id
    assert operator.send(f"/admin/jobs/else/{nobody}/drop").status_code == 422
