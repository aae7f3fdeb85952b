"""A host with the double's platform, and ways to run the publisher."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # importmode=importlib puts no folder there

from double import Network  # noqa: E402


@pytest.fixture
def network():
    made = Network()
    yield made
    made.close()


@pytest.fixture
def publish(host):
    """Run the publisher in a thread; ``publish()`` gives a Stop, ended after the test."""
    from musekit.api import Stop
    from passivepost.publishing.service import PublisherService

    running = []

    def start():
        stop, faults = Stop(), []

        def run():
            try:
                PublisherService.run(host, stop)
            except BaseException as error:
                faults.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        running.append((stop, thread, faults))
        return stop

    yield start
    for stop, _, _ in running:
        stop.request(8)
    for _, thread, faults in running:
        thread.join(30)
        assert not thread.is_alive()
        assert not faults, faults


@pytest.fixture
def until():
    def wait(condition, seconds=20.0):
        end = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < end, "did not happen in time"
            time.sleep(0.03)
        return value

    return wait


@pytest.fixture
def host(settings):
    """A host of the core and PassivePost alone: platforms here are the tests' own."""
    from musekit.kernel.build import build_host

    built = build_host(settings, plugins=["musekit", "passivepost"], strict=True)
    yield built
    built.close()
