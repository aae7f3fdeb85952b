"""A worker's world on each backend of the queue, with real stores and a real database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest

from musekit.declarations import Job, WorkerService
from musekit.kernel.actors import Actor
from musekit.kernel.database.session import Database
from musekit.kernel.host import Host
from musekit.kernel.queue.broker import Broker
from musekit.kernel.queue.jobs import JobRun
from musekit.kernel.queue.worker import EmbeddedWorker, start_embedded
from musekit.kernel.settings import CoreSettings
from musekit.testing import databases

SYSTEM = Actor.system("tests")


@dataclass
class Declared:
    """What plugins would have declared: the part of the registry that the queue reads."""

    jobs: dict[str, Job] = field(default_factory=dict)
    services: list[WorkerService] = field(default_factory=list)


class World:
    """A host with jobs of the test's own, and a worker when one is started."""

    def __init__(self, settings: CoreSettings) -> None:
        self.settings = settings
        self.declared = Declared()
        self.runs: list[JobRun] = []
        self.times: list[float] = []
        self._workers: list[EmbeddedWorker] = []
        self._lock = threading.Lock()
        self.host = self.another_host()

    def another_host(self) -> Host:
        """Return a host as another process of the deployment would have."""
        nothing = cast("Any", None)
        host = Host(
            settings=self.settings, database=Database(self.settings), keyring=nothing,
            broker=Broker(self.settings), outbound=nothing, portal=nothing,
            registry=cast("Any", self.declared),
        )  # fmt: skip
        host.broker.bind(host)
        return host

    def job(self, name: str, handler: Callable[[JobRun], None] | None = None, **more: Any) -> None:
        """Declare a job that notes its runs."""

        def noting(run: JobRun) -> None:
            with self._lock:
                self.runs.append(run)
                self.times.append(time.monotonic())
            if handler is not None:
                handler(run)

        self.declared.jobs[name] = Job(name=name, handler=noting, **more)

    def work(self) -> EmbeddedWorker:
        """Start a worker."""
        worker = start_embedded(self.host)
        self._workers.append(worker)
        return worker

    def names(self) -> list[str]:
        """Names of the jobs that have run, in order."""
        return [run.name for run in self.runs]

    def close(self) -> None:
        for worker in self._workers:
            worker.stop(5)
        self.host.broker.close()
        self.host.database.close()


def wait_for(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Wait until something is true; fail when it does not become so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """The queue on SQLite (database too), on Redis and on PostgreSQL (database PostgreSQL)."""
    queue: str = request.param
    more: dict[str, Any] = {"queue_backend": queue, "queue_name": f"test{uuid4().hex}"}
    if queue == "sqlite":
        urls = databases.provision_sqlite(tmp_path / "musekit.db", plugins=["musekit"])
        made = World(urls.settings(tmp_path, **more))
        yield made
        made.close()
        return
    if queue == "redis":
        more["redis_url"] = request.getfixturevalue("redis_url")
    admin, name = request.getfixturevalue("postgres_admin_url"), f"musekit_q_{uuid4().hex[:16]}"
    try:
        made = World(
            databases.provision(admin, name, plugins=["musekit"]).settings(tmp_path, **more)
        )
        yield made
        if queue == "redis":
            made.host.broker.queue.storage.flush_all()
        made.close()
    finally:
        databases.drop(admin, name)
