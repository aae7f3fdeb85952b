"""Running jobs in the caller's thread: for deployments that have no worker, only a clock."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, NamedTuple

import structlog

from musekit.kernel.queue.messages import Message
from musekit.kernel.queue.running import run_job
from musekit.kernel.queue.schedule import Scheduler

if TYPE_CHECKING:
    from musekit.kernel.host import Host

logger = structlog.get_logger(__name__)
#: Bells taken by one call. The rest waits for the next.
MOST = 1000


class Worked(NamedTuple):
    """What one call did.

    Attributes:
        ran: names of jobs, in their order.
        failed: those of them that ended with an error; they are tried again as declared.
        remaining: jobs still due, and bells still waiting.
    """

    ran: list[str]
    failed: list[str]
    remaining: int


def work(host: Host, budget: float) -> Worked:
    """Run what is due and what was rung for, beginning nothing after `budget` seconds.

    A job in hand is finished, so a call may take longer by that one. Calls may overlap, and workers
    may run beside them: scheduled runs are claimed in the database, bells are taken by one.
    """
    end = time.monotonic() + budget
    scheduler = Scheduler(host)
    scheduler.prepare()
    # Taken first: each bell was rung before what follows, so a scheduled run answers it as well.
    bells = _take(host)
    ran: list[str] = []
    failed: list[str] = []

    jobs = host.metrics.counter(
        "musekit_cron_jobs_total", "Jobs run by calls of /api/cron/work.", ("job", "outcome")
    )

    def goes_on() -> bool:
        return time.monotonic() < end and not host.stopping.is_set()

    def run(message: Message) -> None:
        ran.append(message.name)
        well = run_job(host, message, host.broker.ring)
        jobs.add(message.name, "done" if well else "failed")
        if not well:
            failed.append(message.name)

    while goes_on() and (name := scheduler.claim_one()) is not None:
        bells.pop(_key(Message(name=name)), None)
        run(Message(name=name))
    for key in list(bells):
        if not goes_on():
            break
        run(bells.pop(key))
    for message in bells.values():
        host.broker.ring(message)
    return Worked(ran, failed, scheduler.due() + (host.broker.depth() or 0))


def _key(message: Message) -> str:
    return json.dumps([message.name, dict(message.ids)], sort_keys=True)


def _take(host: Host) -> dict[str, Message]:
    """Take the bells that wait, the same one once. A store that is away has none."""
    taken: dict[str, Message] = {}
    try:
        queue = host.broker.queue
        for bell in queue.read_schedule():
            queue.enqueue(bell)
        # Not until it is empty: taking from an empty queue waits for a bell.
        for _ in range(min(MOST, queue.storage.queue_size())):
            if (found := queue.dequeue()) is not None:
                taken.setdefault(_key(found.message), found.message)
    except Exception as error:
        logger.warning("queue not usable; what is scheduled runs", error=type(error).__name__)
    return taken
