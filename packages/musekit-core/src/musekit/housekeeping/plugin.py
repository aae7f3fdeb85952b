"""The face of housekeeping: one job and one health check."""

from __future__ import annotations

from collections.abc import Iterable

from musekit import hookimpl
from musekit.declarations import Health, HealthCheck, Job
from musekit.kernel.host import Host
from musekit.kernel.queue.jobs import JobRun


@hookimpl
def musekit_register_jobs() -> Iterable[Job]:
    """Give the hourly sweep."""
    return [Job(name="musekit-sweep", handler=_sweep, retries=0, every=3600)]


@hookimpl
def musekit_register_health_checks() -> Iterable[HealthCheck]:
    """Give the check of the queue."""
    return [HealthCheck(name="queue", check=_queue)]


def _sweep(run: JobRun) -> None:
    from musekit.housekeeping.jobs import sweep

    sweep(run.host)


def _queue(host: Host) -> Health:
    from musekit.housekeeping.jobs import queue_health

    return queue_health(host)
