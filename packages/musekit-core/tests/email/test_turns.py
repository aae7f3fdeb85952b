"""Runs of the job at a time: as many as are allowed, and no ring is lost."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from musekit.email.turns import Turns


def test_no_more_run_than_are_allowed_and_nothing_asked_for_is_left() -> None:
    turns, lock = Turns(2), threading.Lock()
    waiting, done, running, most = 0, 0, 0, 0

    def work() -> None:
        nonlocal waiting, done, running, most
        with lock:
            running += 1
            most = max(most, running)
            taken, waiting = waiting, 0
        time.sleep(0.002)
        with lock:
            running -= 1
            done += taken

    def ring() -> bool:
        nonlocal waiting
        with lock:
            waiting += 1
        return turns.run(work)

    with ThreadPoolExecutor(8) as pool:
        ran = list(pool.map(lambda _: ring(), range(400)))
    assert (most, running, done) == (2, 0, 400)
    assert not all(ran)


def test_an_error_gives_the_turn_back() -> None:
    turns = Turns(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            turns.run(lambda: 1 // 0)
    assert turns.run(lambda: None)
