"""Runs one job: the edge between the queue and a handler."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from musekit.declarations import Backoff
from musekit.kernel.ids import new_id
from musekit.kernel.queue.jobs import JobRun
from musekit.kernel.queue.messages import Message

if TYPE_CHECKING:
    from musekit.kernel.host import Host

logger = structlog.get_logger(__name__)


def run_job(host: Host, message: Message, retry: Callable[[Message, float], None]) -> None:
    """Run a message's job; after an error ask for a retry while it has retries left.

    Args:
        retry: puts a message back, to be run after so many seconds.
    """
    job = host.registry.jobs[message.name]
    # Cleared at the end too: threads of the pool run one job after another.
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        job=message.name, job_run=new_id().hex, attempt=message.attempt
    )
    start = time.monotonic()
    try:
        job.handler(JobRun(host=host, name=message.name, ids=message.ids, attempt=message.attempt))
    except (Exception, SystemExit):
        if message.attempt > job.retries:
            logger.exception("job failed for good", seconds=_since(start))
        else:
            delay = retry_delay(job.backoff, message.attempt)
            logger.exception("job failed", seconds=_since(start), retry_in=round(delay, 1))
            retry(message.next_attempt(), delay)
    else:
        logger.info("job done", seconds=_since(start))
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
