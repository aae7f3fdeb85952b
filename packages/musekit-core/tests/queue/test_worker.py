"""The worker: jobs, retries, services, draining."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from musekit.declarations import Backoff, WorkerService
from musekit.kernel.queue.jobs import JobRun
from musekit.kernel.queue.running import retry_delay
from musekit.kernel.queue.services import Stop

from .conftest import World, wait_for


def test_a_job_runs_at_once_with_its_ids(world: World) -> None:
    world.job("social-post")
    world.work()
    world.host.broker.enqueue("social-post", n=0)
    wait_for(lambda: world.runs)  # the worker is up
    row = uuid4()
    rung = time.monotonic()
    assert world.host.broker.enqueue("social-post", row=row, n=3, flag=True, nothing=None)
    wait_for(lambda: len(world.runs) == 2)
    assert world.times[1] - rung < 3  # rung, not found by the next poll or schedule
    run = world.runs[1]
    assert (run.name, run.attempt, run.host) == ("social-post", 1, world.host)
    assert run.ids == {"row": str(row), "n": 3, "flag": True, "nothing": None}
    assert world.host.broker.depth() == 0


def test_what_was_rung_before_the_worker_started_is_run(world: World) -> None:
    world.job("a")
    for n in range(50):
        world.host.broker.enqueue("a", n=n)
    assert world.host.broker.depth() == 50
    world.work()
    wait_for(lambda: len(world.runs) == 50)
    assert sorted(run.ids["n"] for run in world.runs) == list(range(50))


def test_a_failing_job_is_tried_again_as_often_as_declared(world: World) -> None:
    def fail(run: JobRun) -> None:
        raise (SystemExit(3) if run.attempt == 1 else ValueError("no"))

    world.job("bad", fail, retries=2, backoff=Backoff(base=0.05, cap=0.1))
    world.job("good")
    world.work()
    world.host.broker.enqueue("bad", n=1)
    wait_for(lambda: len(world.runs) == 3)
    time.sleep(1.5)
    assert [run.attempt for run in world.runs] == [1, 2, 3]
    assert all(run.ids == {"n": 1} for run in world.runs)
    world.host.broker.enqueue("good")
    wait_for(lambda: world.names()[-1] == "good")


def test_a_delayed_bell_is_not_early(world: World) -> None:
    world.job("later")
    world.work()
    rung = time.monotonic()
    world.host.broker.enqueue("later", delay=1.2)
    wait_for(lambda: world.runs)
    assert 1.2 <= world.times[0] - rung < 4


def test_retries_wait_with_full_jitter_under_a_cap() -> None:
    backoff = Backoff(base=10, cap=60)
    for attempt, ceiling in ((1, 10), (2, 20), (3, 40), (4, 60), (99, 60), (5000, 60)):
        delays = [retry_delay(backoff, attempt) for _ in range(2000)]
        assert 0 <= min(delays) < 0.1 * ceiling
        assert 0.9 * ceiling < max(delays) <= ceiling
        assert abs(sum(delays) / len(delays) - ceiling / 2) < 0.05 * ceiling


def test_more_threads_than_redis_py_has_connections_lose_nothing(world: World) -> None:
    """redis-py 8 raises beyond 100 connections, and stock Huey then drops what it has taken."""
    world.settings.worker_threads = 130
    if world.settings.queue_backend == "postgres":
        world.settings.worker_threads = 20  # each listens on a connection of its own
    world.job("a", lambda run: time.sleep(0.001))
    world.work()
    for n in range(2000):
        assert world.host.broker.enqueue("a", n=n)
    wait_for(lambda: len(world.runs) >= 2000, 60)
    assert set(Counter(run.ids["n"] for run in world.runs).values()) == {1}


def test_a_service_that_fails_is_started_again_and_ends_with_the_worker(world: World) -> None:
    starts: list[float] = []
    ended = threading.Event()

    def fragile(host: Any, stop: Stop) -> None:
        starts.append(time.monotonic())
        if len(starts) == 1:
            raise RuntimeError("first time")
        stop.wait(60)
        assert stop.deadline is not None
        ended.set()

    def neighbour(host: Any, stop: Stop) -> None:
        stop.wait(60)

    world.declared.services = [
        WorkerService(name="fragile", run=fragile),
        WorkerService(name="neighbour", run=neighbour),
    ]
    worker = world.work()
    wait_for(lambda: len(starts) == 2)
    assert 0.4 < starts[1] - starts[0] < 3
    assert worker.stop(5)
    assert ended.is_set()


def test_a_stop_lets_running_jobs_finish_and_takes_no_more(world: World) -> None:
    world.settings.worker_threads = 1
    done = []
    world.job("slow", lambda run: (time.sleep(0.8), done.append(1)))
    worker = world.work()
    world.host.broker.enqueue("slow")
    wait_for(lambda: world.runs)
    world.host.broker.enqueue("slow")
    assert worker.stop(5)
    assert len(done) == len(world.runs) == 1
    assert world.host.broker.depth() == 1


def test_a_stop_does_not_wait_beyond_its_deadline(world: World) -> None:
    release = threading.Event()
    world.job("stuck", lambda run: release.wait(20) and None)
    worker = world.work()
    world.host.broker.enqueue("stuck")
    wait_for(lambda: world.runs)
    start = time.monotonic()
    worker.stop(1)
    assert 0.9 < time.monotonic() - start < 4
    release.set()


SCRIPT = """
    import sys, threading, time, types
    from musekit.declarations import Job
    from musekit.kernel.database.session import Database
    from musekit.kernel.queue.broker import Broker
    from musekit.kernel.queue.services import Stop
    from musekit.kernel.queue.tally import Tally
    from musekit.kernel.queue.worker import run_worker
    from musekit.kernel.settings import CoreSettings
    settings = CoreSettings()
    def job(run):
        print("begun", flush=True); time.sleep(run.ids["seconds"]); print("done", flush=True)
    host = types.SimpleNamespace(
        settings=settings, database=Database(settings), broker=Broker(settings), tally=Tally(),
        tracing=None, stopping=threading.Event(),
        registry=types.SimpleNamespace(jobs={"a": Job(name="a", handler=job)}, services=[]))
    host.broker.bind(host)
    run_worker(host, Stop())
    print("ended", flush=True)
"""


@pytest.mark.parametrize(
    ("signals", "seconds", "done", "limit"),
    [
        ([signal.SIGTERM], 1.0, True, 6.0), ([signal.SIGINT], 1.0, True, 6.0),
        ([signal.SIGTERM, signal.SIGTERM], 30.0, False, 3.0),
        ([signal.SIGTERM], 30.0, False, 8.0),
    ],
)  # fmt: skip
def test_signals_drain_a_worker(
    tmp_path: Any, signals: list[int], seconds: float, done: bool, limit: float
) -> None:
    from musekit.testing import databases

    urls = databases.provision_sqlite(tmp_path / "musekit.db", plugins=["musekit"])
    world = World(urls.settings(tmp_path))
    environment = {
        **os.environ, "MUSEKIT_MODE": "test", "MUSEKIT_DATA_DIR": str(tmp_path),
        "MUSEKIT_DATABASE_URL": urls.database_url, "MUSEKIT_WORKER_DRAIN_SECONDS": "4",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        world.host.broker.enqueue("a", seconds=seconds)
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any("begun" in line for line in lines)
        start = time.monotonic()
        for number in signals:
            process.send_signal(number)
            time.sleep(0.3)
        assert process.wait(20) == 0
        assert time.monotonic() - start < limit
        rest = "".join(lines)
        assert ("done" in rest) == done
        assert "ended" in rest
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        world.close()


def test_processes_that_do_not_ring_import_no_huey() -> None:
    code = (
        "import sys; from musekit.kernel.queue.broker import Broker\n"
        "from musekit.kernel.queue import worker\n"
        "from musekit.kernel.settings import CoreSettings\n"
        "Broker(CoreSettings()); assert 'huey' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
