"""Runs one job: the edge between the queue and a handler."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING

import structlog

from musekit.declarations import Backoff
from musekit.kernel.ids import new_id
from musekit.kernel.queue.failing import keep
from musekit.kernel.queue.jobs import JobRun
from musekit.kernel.queue.messages import Message

if TYPE_CHECKING:
    from musekit.kernel.host import Host

logger = structlog.get_logger(__name__)


def run_job(host: Host, message: Message, retry: Callable[[Message, float], object]) -> bool:
    """Run a message's job; after an error ask for a retry while it has retries left.

    Args:
        retry: puts a message back, to be run after so many seconds.

    Returns:
        True if it ended well.
    """
    job, run = host.registry.jobs[message.name], new_id().hex
    # Cleared at the end too: threads of the pool run one job after another.
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(job=message.name, job_run=run, attempt=message.attempt)
    start = time.monotonic()
    try:
        traced = host.tracing.job(message.name, message.attempt) if host.tracing else nullcontext()
        with host.tally.working(run, message.name), traced:
            job.handler(
                JobRun(host=host, name=message.name, ids=message.ids, attempt=message.attempt)
            )
    except (Exception, SystemExit) as error:
        if message.attempt > job.retries:
            logger.exception("job failed for good", seconds=_since(start))
            host.tally.ended(message.name, "failed")
            keep(host, message, error)
        else:
            delay = retry_delay(job.backoff, message.attempt)
            logger.exception("job failed", seconds=_since(start), retry_in=round(delay, 1))
            host.tally.ended(message.name, "retried")
            retry(message.next_attempt(), delay)
        return False
    else:
        logger.info("job done", seconds=_since(start))
        host.tally.ended(message.name, "done")
        return True
    finally:
        structlog.contextvars.clear_contextvars()


def retry_delay(backoff: Backoff, attempt: int) -> float:
    """Return seconds before the retry after failed attempt 1, 2, …: full jitter under the cap.

    Exponential with full jitter, so that what failed together does not come back together
    (AWS Architecture Blog, “Exponential Backoff And Jitter”, 2015).
    """
    ceiling = min(backoff.cap, backoff.base * 2.0 ** min(attempt - 1, 60))
    return random.uniform(0, ceiling)  # noqa: S311 - spreading load, not keeping a secret


def _since(start: float) -> float:
    return round(time.monotonic() - start, 3)
