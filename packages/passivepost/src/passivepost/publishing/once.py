"""Delivering from a request: the cron endpoint's way, for deployments without a worker."""

from __future__ import annotations

import asyncio
import threading
import time

from musekit.api import Host
from passivepost.publishing.publisher import Publisher, run_loop
from passivepost.publishing.work import Report

#: One delivery at a time in a process: a second would only share its slots and its database.
_running = threading.Lock()
#: Posts claimed at once; few, for what is claimed and not sent in time has to be handed back.
_SLOTS = 50


def deliver_once(host: Host, *, budget: float) -> Report:
    """Deliver what is due, by the worker's own protocol, until nothing is due or time is up.

    Safe to call from any number of requests and processes at once: posts are claimed in the
    database, each once. A call that finds another under way in its process returns at once.

    Args:
        budget: seconds. No call to a network begins after them; calls under way are finished,
            for cutting one would leave its outcome unknown.
    """
    if not _running.acquire(blocking=False):
        return Report(busy=True)
    try:
        report: Report = run_loop(_deliver(host, budget))
        return report
    finally:
        _running.release()


async def _deliver(host: Host, budget: float) -> Report:
    end = time.monotonic() + budget
    publisher = Publisher(host, slots=_SLOTS)
    report = publisher.report
    async with publisher.hands() as deliverer:
        await publisher.thread(publisher.store.sweep, publisher.tuning.crash_limit)
        await publisher.replay()
        while time.monotonic() < end:
            busy = len(deliverer)
            want = 2 * _SLOTS - busy
            found = await publisher.thread(publisher.store.look, want) if want > 0 else None
            for claim in found.claims if found else ():
                report.claimed += 1
                deliverer.start(claim)
            if found is None or not found.more:
                if not len(deliverer):
                    if busy:  # what ended during the look held accounts that have more to send
                        continue
                    break
                deliverer.freed.clear()
                await _until(deliverer.freed, end - time.monotonic())
        await publisher.reconcile()
        await deliverer.drain(publisher.drain_limit)
        report.remaining = await publisher.thread(publisher.store.remaining)
    return report


async def _until(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), max(0.001, seconds))
    except TimeoutError:
        return
