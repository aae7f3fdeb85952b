"""The doorbell when its store is away: nobody waits, nobody fails, the loss is counted."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import pytest

from musekit.errors import ConfigurationError
from musekit.kernel.queue.broker import Broker
from musekit.kernel.settings import CoreSettings
from musekit.testing import databases, servers

from .conftest import World, wait_for


def test_a_bell_without_a_store_is_lost_quickly_and_counted(tmp_path: Path) -> None:
    port = servers.free_port()
    settings = CoreSettings(
        mode="test", data_dir=tmp_path, queue_backend="redis",
        redis_url=f"redis://127.0.0.1:{port}/0",
    )  # fmt: skip
    broker = Broker(settings)
    start = time.monotonic()
    assert broker.enqueue("a", n=1) is False
    assert time.monotonic() - start < 3
    start = time.monotonic()
    for _ in range(1000):
        assert broker.enqueue("a", n=1) is False
    assert time.monotonic() - start < 2.5
    assert broker.missed == 1001
    assert not broker.healthy
    assert broker.depth() is None
    broker.close()


def test_redis_gone_and_back(tmp_path: Path) -> None:
    """A worker outlives its Redis: services and scheduler go on, and jobs run when it is back."""
    urls = databases.provision_sqlite(tmp_path / "musekit.db", plugins=["musekit"])
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(servers.redis())
        world = World(urls.settings(tmp_path, queue_backend="redis", redis_url=url))
        world.job("a")
        world.work()
        world.host.broker.enqueue("a", n=1)
        wait_for(lambda: len(world.runs) == 1)
        stack.close()
        assert world.host.broker.enqueue("a", n=2) is False
        port = int(url.rpartition(":")[2].split("/")[0])
        with _redis_on(port):
            time.sleep(1.1)
            wait_for(lambda: world.host.broker.enqueue("a", n=3))
            wait_for(lambda: len(world.runs) == 2)
            assert world.host.broker.healthy
            assert world.runs[1].ids == {"n": 3}
            world.close()


@contextlib.contextmanager
def _redis_on(port: int) -> Any:
    kept = servers.free_port
    servers.free_port = lambda: port
    try:
        with servers.redis() as url:
            yield url
    finally:
        servers.free_port = kept


def test_settings_that_do_not_fit_are_named(tmp_path: Path) -> None:
    for more, name in (
        ({"queue_backend": "redis"}, "MUSEKIT_REDIS_URL"),
        ({"queue_backend": "postgres"}, "MUSEKIT_DATABASE_URL"),
    ):
        with pytest.raises(ConfigurationError, match=name):
            Broker(CoreSettings(mode="test", data_dir=tmp_path, **more))


def test_a_closed_broker_rings_no_more(tmp_path: Path) -> None:
    broker = Broker(CoreSettings(mode="test", data_dir=tmp_path))
    assert broker.enqueue("a")
    broker.close()
    broker.close()
    assert broker.enqueue("a") is False
