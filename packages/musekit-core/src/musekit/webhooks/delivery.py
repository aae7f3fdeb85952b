"""Delivering what is due: claimed and recorded in units of work, sent between them in none."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, field

import structlog

from musekit.kernel.actors import Actor
from musekit.kernel.crypto.keyring import DecryptionError
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.kernel.queue.later import ring_later
from musekit.webhooks import queue, recording, sealing, sending
from musekit.webhooks.emitting import JOB
from musekit.webhooks.queue import Claimed
from musekit.webhooks.sending import Outcome
from musekit.webhooks.settings import WebhookSettings

logger = structlog.get_logger(__name__)
ACTOR = Actor.system("webhooks")
#: Seconds after a try's time in which its outcome is to be recorded: the rest of its lease.
SLACK = 45.0
#: Seconds after which is looked again for what is due, while slow receivers are waited for.
LOOK_AGAIN = 1.0


@dataclass
class Report:
    """What one run did: how many tries ended how (``delivered`` or a class of failure)."""

    outcomes: Counter[str] = field(default_factory=Counter)
    more: bool = False  #: the time was over before everything was done


def deliver(
    host: Host, *, seconds: float = 20.0, stopping: Callable[[], bool] = lambda: False
) -> Report:
    """Deliver what is due until nothing is, or the time is over.

    Many endpoints are called at the same time, each by one request at a time. An outcome is
    recorded as soon as it is there, so that a killed process repeats no more than it had in hand.

    Args:
        seconds: after which nothing further is begun.
        stopping: asked in between: the process is to end.
    """
    run = _Run(host)
    end = time.monotonic() + seconds
    while True:
        over = stopping() or time.monotonic() > end
        run.turn(begins=not over)
        if not run.flights:
            break
        wait(run.flights, timeout=LOOK_AGAIN, return_when=FIRST_COMPLETED)
    if over:
        run.report.more = True
        host.broker.enqueue(JOB)
    elif any(outcome != "delivered" for outcome in run.report.outcomes):
        with host.database.session(ACTOR, readonly=True, single=True) as session:
            soon = queue.due_in(session)
        ring_later(host, JOB, soon)
    if run.report.outcomes:
        logger.info("webhooks delivered", **run.report.outcomes)
    return run.report


class _Run:
    """One run of the job."""

    def __init__(self, host: Host) -> None:
        self._host, self._owner = host, new_id()
        self._settings = host.settings_of(WebhookSettings)
        self.report = Report()
        self.flights: dict[Future[Outcome], Claimed] = {}

    def turn(self, *, begins: bool) -> None:
        """Record what has landed and take on what is due, in one unit of work; send that."""
        landed = self._landed()
        room = self._settings.in_flight - len(self.flights) if begins else 0
        if not landed and not (room and self._is_due()):
            return
        lease = self._settings.timeout_seconds + SLACK
        with self._host.database.session(ACTOR) as session:
            recording.record(session, self._host, self._owner, landed)
            claimed = queue.claim(session, self._owner, room, lease) if room else []
        for each in claimed:
            self.flights[self._begin(each)] = each

    def _is_due(self) -> bool:
        with self._host.database.session(ACTOR, readonly=True, single=True) as session:
            return queue.is_due(session)

    def _begin(self, each: Claimed) -> Future[Outcome]:
        try:
            live = [one.secret for one in sealing.open_all(self._host, each.endpoint)]
        except DecryptionError as error:
            logger.error("a webhook's secret cannot be read", error=str(error))  # noqa: TRY400
            known: Future[Outcome] = Future()
            known.set_result(Outcome(error="unreadable"))
            return known
        portal = self._host.portal
        return portal.spawn(
            sending.send(
                portal.client, each.endpoint.url, each.message.id, each.message.payload,
                secrets=live, seconds=self._settings.timeout_seconds,
            )
        )  # fmt: skip

    def _landed(self) -> list[tuple[Claimed, Outcome]]:
        """Return the tries that are over; one that the closing portal cut is left to its lease."""
        landed = []
        for future in [each for each in self.flights if each.done()]:
            claimed = self.flights.pop(future)
            try:
                outcome = future.result()
            except CancelledError:
                continue
            except Exception:
                logger.exception("a webhook could not be sent", delivery=str(claimed.delivery.id))
                outcome = Outcome(error="broken")
            self.report.outcomes[outcome.error or "delivered"] += 1
            landed.append((claimed, outcome))
        return landed
