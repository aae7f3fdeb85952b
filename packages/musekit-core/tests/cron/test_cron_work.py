"""Jobs without a worker: what is due and what was rung for is run by a call of the endpoint."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from musekit.declarations import Backoff
from musekit.email.models import OutboxMail
from musekit.email.service import Address, queue
from musekit.kernel.actors import Actor
from musekit.kernel.queue.models import FailedJob

SYSTEM = Actor.system("tests")


def test_what_is_due_runs_once_and_then_waits_its_time(host, declare, call) -> None:
    often, seldom = declare("often", every=3), declare("seldom", every=3600)
    first = call()
    assert {"often", "seldom", "email-deliver", "musekit-sweep"} <= set(first["ran"])
    assert (first["failed"], first["remaining"]) == ([], 0)
    assert call("POST")["ran"] == []
    time.sleep(3.1)
    assert call()["ran"] == ["often"]
    assert (len(often), len(seldom)) == (2, 1)


def test_bells_are_answered_the_same_one_once(host, declare, call) -> None:
    rung = declare("rung")
    call()
    for number in (1, 2, 2, 2):
        assert host.broker.enqueue("rung", n=number)
    host.broker.enqueue("of-a-plugin-that-is-gone")
    assert call()["ran"] == ["rung", "rung"]
    assert sorted(run.ids["n"] for run in rung) == [1, 2]
    assert host.broker.depth() == 0


def test_mail_leaves_by_calls_alone(host, call) -> None:
    call()
    with host.database.session(SYSTEM) as session:
        template = next(iter(host.registry.email_templates.values()))
        queue(
            session, host, template.key, to=Address(email="ada@example.com"),
            context=template.sample(),
        )  # fmt: skip
    host.broker.enqueue("email-deliver")
    assert "email-deliver" in call()["ran"]
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(OutboxMail.state)).all() == ["sent"]


def test_a_failing_job_is_told_tried_again_and_kept(host, declare, call) -> None:
    def fail(run) -> None:
        raise ValueError("no")

    bad = declare("bad", fail, retries=1, backoff=Backoff(base=0.01, cap=0.01))
    good = declare("good")
    call()
    host.broker.enqueue("bad")
    host.broker.enqueue("good")
    assert call() == {"ran": ["bad", "good"], "failed": ["bad"], "remaining": 0}
    time.sleep(0.1)
    assert call()["failed"] == ["bad"]
    assert [run.attempt for run in bad] == [1, 2]
    assert len(good) == 1
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(FailedJob.name)).all() == ["bad"]


def test_a_call_begins_nothing_after_its_time_and_loses_nothing(host, declare, call) -> None:
    slow = declare("slow", lambda run: time.sleep(0.15))
    call()
    host.settings.cron_budget_seconds = 0.4
    for number in range(8):
        host.broker.enqueue("slow", n=number)
    told = [call()]
    assert len(told[0]["ran"]) <= 4
    assert told[0]["remaining"] == 8 - len(told[0]["ran"])
    while told[-1]["remaining"]:
        told.append(call())
        assert len(told) < 20
    assert sorted(run.ids["n"] for run in slow) == list(range(8))


def test_calls_at_once_run_each_scheduled_job_once(host, declare, call) -> None:
    runs = [declare(f"job-{n}", every=3600) for n in range(10)]
    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda _: call(), range(6)))
    assert [len(each) for each in runs] == [1] * 10
    assert all(each["failed"] == [] for each in told)


def test_without_its_queue_what_is_scheduled_runs(host, declare, call) -> None:
    scheduled = declare("scheduled", every=3600)
    host.broker.close()
    assert "scheduled" in call()["ran"]
    assert len(scheduled) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_only_the_secret_opens_it(host, client, method) -> None:
    for headers in ({}, {"Authorization": "Bearer " + "s" * 45}, {"X-Cron-Secret": "s" * 40}):
        answer = client.request(method, "/api/cron/work", headers=headers)
        assert answer.status_code == 401, headers
    host.settings.cron_secret = None
    assert client.request(method, "/api/cron/work").status_code == 404
