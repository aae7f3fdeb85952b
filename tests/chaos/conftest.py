"""Workers as processes of their own, to be killed; the network and its ledger stay in the test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PUBLISHING = HERE.parents[1] / "packages/passivepost/tests/publishing"
sys.path[:0] = [str(PUBLISHING), str(HERE)]

from crowd import scene  # noqa: E402
from double import Network  # noqa: E402


@pytest.fixture
def network():
    made = Network()
    yield made
    made.close()


@pytest.fixture
def host(settings):
    """A host of the core and PassivePost alone; the worker processes build the same."""
    from musekit.kernel.build import build_host

    built = build_host(settings, plugins=["musekit", "passivepost"], strict=True)
    yield built
    built.close()


@pytest.fixture
def play(backend, request, tmp_path):
    """Set a scene on the database under test: ``with play(SETTING="…") as scene``."""
    postgres = request.getfixturevalue("postgres_admin_url") if backend == "postgres" else ""
    return partial(scene, tmp_path, postgres=postgres)


class Workers:
    """Starts worker processes and ends them; only its own."""

    def __init__(self, host, port, log):
        self.host, self.port, self.log, self.running = host, port, log, []

    def start(
        self, *, crash="", freeze=False, platform="DoublePlatform", declared=None, **settings
    ):
        """Start a worker; `crash`: the point it is killed at, or with `freeze` stopped at."""
        core = self.host.settings
        given = {
            "port": self.port,
            "platform": platform,
            "declared": declared or {},
            "settings": settings,
            "freeze": freeze,
            "core": {
                "mode": "test",
                "data_dir": str(core.data_dir),
                "database_url": core.database_url,
                "database_system_url": core.database_system_url,
                "database_owner_url": core.database_owner_url,
            },
        }
        worker = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), json.dumps(given)],
            env={**os.environ, "MUSEKIT_CRASH_AT": crash},
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.running.append(worker)
        return worker

    def frozen(self, worker):
        """Say whether a worker is stopped, as `SIGSTOP` does it."""
        return Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def end(self, worker, how=signal.SIGTERM, limit=30):
        if worker.poll() is None:
            worker.send_signal(how)
        worker.communicate(timeout=limit)
        self.running.remove(worker)
        return worker.returncode


@pytest.fixture
def workers(host, network, tmp_path):
    """Workers; what they say stands in ``workers.log``, for a pipe that nobody reads fills up."""
    with (tmp_path / "workers.log").open("a+") as log:
        made = Workers(host, network.port, log)
        yield made
        for worker in list(made.running):
            made.end(worker, signal.SIGKILL)
        log.seek(0)
        print(log.read()[-5000:])


@pytest.fixture
def until():
    def wait(condition, seconds=60.0):
        end = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < end, "did not happen in time"
            time.sleep(0.05)
        return value

    return wait
