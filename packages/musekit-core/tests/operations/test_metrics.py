"""/metrics: what Prometheus reads is true, and nobody else reads it."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from musekit.email.models import OutboxMail
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.metrics import Metrics
from musekit.kernel.queue.heartbeat import Heartbeat
from musekit.kernel.queue.messages import Message
from musekit.kernel.queue.models import JobSchedule
from musekit.kernel.queue.running import run_job

from .conftest import CRON, GOOD, SECRET

SYSTEM = Actor.system("tests")


def of(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_requests_are_counted_by_route_never_by_address(client, scrape, make_user) -> None:
    ada = make_user()
    for _ in range(3):
        ada.client.get("/api/auth/me")
    client.get("/verify/some-secret-token")
    client.get("/nowhere/at/all")
    client.request("BREW", "/nowhere/at/all")
    found = scrape()
    me = of("musekit_http_requests_total", method="GET", route="/api/auth/me", status="200")
    assert found[me] == 3
    assert found[of("musekit_http_request_seconds_count", route="/api/auth/me")] == 3
    routes = {dict(labels)["route"] for name, labels in found if name.startswith("musekit_http_re")}
    assert {"/verify/{token}", "(none)"} <= routes
    assert not any("secret-token" in route or "nowhere" in route for route in routes)
    methods = {dict(labels).get("method") for _, labels in found}
    assert "BREW" not in methods
    assert "(other)" in methods


def test_what_waits_and_who_works_is_read(host, scrape) -> None:
    with host.database.session(SYSTEM) as session:  # of a plugin that is gone: nobody is late
        long_ago = utc_now() - timedelta(days=9)
        session.add(JobSchedule(name="job-of-a-plugin-that-is-gone", next_run_at=long_ago))
    before = scrape()
    assert before[of("musekit_schedule_late_seconds")] == 0
    assert before[of("musekit_outbox_depth", kind="mail")] == 0
    assert before[of("musekit_workers")] == 0
    [build] = [labels for name, labels in before if name == "musekit_build_info"]
    assert dict(build)["mode"] == "test"
    with host.database.session(SYSTEM) as session:
        session.add(
            OutboxMail(
                message_id="<1@x>", template="x", to_email="a@example.com", subject="x",
                next_attempt_at=utc_now() - timedelta(seconds=90),
            )
        )  # fmt: skip
    for number in range(3):
        host.broker.enqueue("email-deliver", n=number)
    run_job(host, Message(name="usage-sweep"), host.broker.ring)
    with host.database.session(SYSTEM) as session:
        due = utc_now() - timedelta(seconds=90)
        session.add(JobSchedule(name="email-deliver", next_run_at=due))
    heart = Heartbeat(host)
    heart.beat()
    found = scrape()
    assert found[of("musekit_outbox_depth", kind="mail")] == 1
    assert 89 < found[of("musekit_outbox_oldest_seconds", kind="mail")] < 150
    assert 89 < found[of("musekit_schedule_late_seconds")] < 150
    assert found[of("musekit_queue_depth")] == 3
    assert found[of("musekit_workers")] == 1
    [ended] = [key for key in found if key[0] == "musekit_worker_jobs_total"]
    assert found[ended] == 1
    assert {"job": "usage-sweep", "outcome": "done"}.items() <= dict(ended[1]).items()


def test_calls_of_the_clock_are_counted(client, scrape) -> None:
    client.get("/api/cron/work", headers={"Authorization": f"Bearer {CRON}"})
    found = scrape()
    assert found[of("musekit_cron_jobs_total", job="email-deliver", outcome="done")] == 1


def test_a_reading_that_fails_hides_no_other(host, scrape) -> None:
    def fail(session) -> float:
        raise ValueError("canary")

    host.metrics.reading("proof_broken", "It fails.", fail)
    host.metrics.reading("proof_works", "It works.", lambda session: {("a",): 7.0}, ("which",))
    host.metrics.counter("proof_things_total", "Things.", ("kind",)).add("x", amount=2)
    found = scrape()
    assert found[of("proof_works", which="a")] == 7
    assert found[of("proof_things_total", kind="x")] == 2
    assert not any(name == "proof_broken" for name, _ in found)
    for wrong in ("works", "Proof_things", "proof-things", "proof_things{a=1}"):
        with pytest.raises(ValueError, match="metric name"):
            host.metrics.reading(wrong, "", lambda session: 1)


def test_only_its_secret_opens_it(host, client, make_user) -> None:
    ada = make_user()
    for headers in (
        {}, {"Authorization": f"Bearer {CRON}"}, {"Authorization": f"Bearer {SECRET[:-1]}"},
        {"Authorization": f"Basic {SECRET}"}, {"Authorization": f"Bearer {ada.token}"},
    ):  # fmt: skip
        answer = client.get("/metrics", headers=headers)
        assert answer.status_code == 401, headers
        assert "musekit_" not in answer.text
    assert ada.client.get("/metrics").status_code == 401
    assert client.get(f"/metrics?secret={SECRET}").status_code == 401
    host.settings.metrics_secret = None
    assert client.get("/metrics", headers=GOOD).status_code == 404


def test_nobody_pays_for_what_nobody_asks() -> None:
    silent = Metrics()
    silent.counter("proof_things_total", "Things.").add()
    silent.reading("proof_works", "It works.", lambda session: 1)
    code = (
        "import sys\nfrom musekit.kernel.metrics import Metrics\n"
        "Metrics().counter('a_b_total', '').add()\nimport musekit.operations.plugin\n"
        "assert 'prometheus_client' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
