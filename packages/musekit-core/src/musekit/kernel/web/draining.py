"""Stopping a web process so that nobody notices: first it is said, then requests are refused.

A load balancer goes on sending requests for some seconds after a process was told to stop. So
SIGTERM first turns ``/readyz`` red while everything is still served; after the linger the server
takes no more connections, finishes what is under way, and ends.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musekit.kernel.host import Host
    from musekit.kernel.settings import CoreSettings

logger = logging.getLogger(__name__)
#: Seconds of linger in production, where nothing else is set.
LINGER = 3.0


def linger(settings: CoreSettings) -> float:
    """Return for how many seconds a process told to stop still takes requests."""
    if settings.web_linger_seconds is not None:
        return settings.web_linger_seconds
    return LINGER if settings.mode == "production" else 0.0


@contextmanager
def on_signals(host: Host) -> Iterator[None]:
    """Stand before the server's own handler of SIGTERM; for the application's lifespan.

    It works under every server that ends by a handler of its own, as uvicorn and gunicorn do.
    Ctrl-C and a second SIGTERM end at once, as they do there.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    loop, seconds = asyncio.get_running_loop(), linger(host.settings)

    def begin(number: int, frame: FrameType | None) -> None:
        if host.stopping.is_set() or not seconds:
            host.stopping.set()
            handler(number, frame)
            return
        host.stopping.set()
        # A signal comes between any two instructions: the loop is told, and does it in its turn.
        loop.call_soon_threadsafe(loop.call_later, seconds, handler, number, frame)
        loop.call_soon_threadsafe(logger.info, "Stopping in %s s; /readyz says so", seconds)

    signal.signal(signal.SIGTERM, begin)
    try:
        yield
    finally:
        host.stopping.set()
        if signal.getsignal(signal.SIGTERM) is begin:
            signal.signal(signal.SIGTERM, handler)
