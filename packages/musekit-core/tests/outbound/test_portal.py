"""The portal: asynchronous clients for `def` code."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from musekit.errors import UnavailableError
from musekit.kernel.outbound.client import NotSent, Outbound
from musekit.kernel.portal import Portal
from musekit.kernel.settings import CoreSettings


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    made = Portal(Outbound(CoreSettings(mode="test", data_dir=tmp_path)))
    yield made
    made.close()


async def double(number: int, *, plus: int = 0) -> int:
    await asyncio.sleep(0.01)
    return 2 * number + plus


def test_many_threads_share_one_loop(portal: Portal) -> None:
    async def where() -> int:
        return threading.get_ident()

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        assert list(pool.map(lambda n: portal.call(double, n, plus=1), range(200))) == [
            2 * n + 1 for n in range(200)
        ]
        assert len(set(pool.map(lambda _: portal.call(where), range(50)))) == 1


def test_no_thread_before_the_first_call(tmp_path: Path) -> None:
    before = threading.active_count()
    portal = Portal(Outbound(CoreSettings(mode="test", data_dir=tmp_path)))
    assert threading.active_count() == before
    portal.close()
    with pytest.raises(UnavailableError):
        portal.call(double, 1)


def test_errors_and_timeouts_reach_the_caller(portal: Portal) -> None:
    cancelled = threading.Event()

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    async def bad() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        portal.call(bad)
    with pytest.raises(TimeoutError):
        portal.call(slow, timeout=0.05)
    assert cancelled.wait(1)
    with pytest.raises(NotSent):
        portal.call(portal.client.get, "http://127.0.0.1/")


def test_a_call_from_inside_is_an_error_and_no_deadlock(portal: Portal) -> None:
    async def inside() -> int:
        return portal.call(double, 1)

    with pytest.raises(RuntimeError, match="own loop"):
        portal.call(inside, timeout=5)


def test_close_cancels_what_runs_and_joins(portal: Portal) -> None:
    async def forever() -> None:
        await asyncio.sleep(60)

    before = set(threading.enumerate())
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(portal.call, forever)
        time.sleep(0.2)
        start = time.monotonic()
        portal.close()
        with pytest.raises(UnavailableError):
            running.result(5)
    assert time.monotonic() - start < 5
    new = set(threading.enumerate()) - before
    assert "musekit-portal" not in [thread.name for thread in new]
    portal.close()
