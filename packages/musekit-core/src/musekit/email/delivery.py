"""Sending what is due: claim and begin in units of work, send in none, record in another."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal
from uuid import UUID

import structlog
from sqlalchemy.exc import OperationalError

from musekit.email import outbox
from musekit.email.models import OutboxMail
from musekit.email.service import JOB, unseal
from musekit.email.settings import EmailSettings
from musekit.email.transports import Outcome, Sender, transport_of
from musekit.kernel.actors import Actor
from musekit.kernel.crypto.keyring import DecryptionError
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.kernel.queue.later import ring_later

logger = structlog.get_logger(__name__)
ACTOR = Actor.system("email")
#: Seconds that a batch may take until its rest is given back; then there is the last mail's time.
BATCH_SECONDS = 60.0
#: Seconds between tries to record an outcome while the database is away.
PATIENCE = (0.5, 1.0, 2.0, 4.0)


@dataclass
class Report:
    """What one run did: how many mails had which outcome, and whether more are due."""

    outcomes: Counter[str] = field(default_factory=Counter)
    more: bool = False


def deliver(
    host: Host,
    *,
    seconds: float = 20.0,
    stopping: Callable[[], bool] = lambda: False,
    only: UUID | None = None,
) -> Report:
    """Send mails that are due, batch by batch, until none is or the time is over.

    Args:
        seconds: after which no further batch is begun.
        stopping: asked between mails: the process is to end.
        only: a mail; no other is sent.
    """
    run = _Run(host, stopping)
    report, end = run.report, time.monotonic() + seconds
    while not run.down and _waiting(host, only):
        if stopping() or time.monotonic() > end:
            report.more = True
            host.broker.enqueue(JOB)
            break
        owner = new_id()
        with host.database.session(ACTOR) as session:
            rows = outbox.claim(session, owner, run.settings.batch, _lease(run.settings), only)
        if not rows:
            break  # another process was faster
        run.send(owner, list(rows))
    if run.down is not None:
        with host.database.session(ACTOR) as session:
            late = outbox.give_up(session, run.settings)
        report.outcomes.update({"given up": late} if late else {})
    if report.outcomes["later"] or report.outcomes["unknown"]:
        with host.database.session(ACTOR, readonly=True, single=True) as session:
            soon = outbox.due_in(session)
        ring_later(host, JOB, soon)
    if report.outcomes:
        logger.info("mail delivered", **report.outcomes)
    return report


def _lease(settings: EmailSettings) -> float:
    """Longer than anything that a batch can take: its time, and each answer to its last mail."""
    return BATCH_SECONDS + max(60.0, 10 * settings.smtp_seconds)


def _waiting(host: Host, only: UUID | None) -> bool:
    with host.database.session(ACTOR, readonly=True, single=True) as session:
        return outbox.waiting(session, only)


class _Run:
    """One run of the job: what its batches share."""

    def __init__(self, host: Host, stopping: Callable[[], bool]) -> None:
        self._host, self._stopping = host, stopping
        self._transport = transport_of(host)
        self.settings = host.settings_of(EmailSettings)
        self.report = Report()
        self.down: Outcome | None = None  #: what said that no mail would get out now

    def send(self, owner: UUID, rows: list[OutboxMail]) -> None:
        """Send a batch over one connection; give back what was not tried."""
        end = time.monotonic() + BATCH_SECONDS
        with self._transport.open() as sender:
            while rows and not self.down and time.monotonic() < end and not self._stopping():
                row = rows.pop(0)
                if self._begin(owner, row):
                    outcome = self._try(sender, row)
                    self._record(owner, row, outcome)
                    self.down = outcome if outcome.down else None
        if rows:
            self._give_back(owner, [row.id for row in rows])

    def _give_back(self, owner: UUID, ids: list[UUID]) -> None:
        after, why = 0.0, ""
        if self.down is not None:
            after = max(self.down.wait, outbox.wait(1, self.settings))
            why = f"not tried yet: {self.down.detail}"
        with self._host.database.session(ACTOR) as session:
            outbox.release(session, owner, ids, after=after, why=why)

    def _begin(self, owner: UUID, row: OutboxMail) -> bool:
        with self._host.database.session(ACTOR) as session:
            if outbox.silence(session, owner, row):
                self.report.outcomes["suppressed"] += 1
                return False
            row.attempts = outbox.begin(session, owner, row.id)
        return row.attempts > 0

    def _try(self, sender: Sender, row: OutboxMail) -> Outcome:
        known = self._transport.copies_known_for_hours
        if row.uncertain and known and utc_now() - row.created_at > timedelta(hours=known):
            # The receiver would take a copy for another mail by now.
            return Outcome(kind="refused", detail=f"may have been sent; {row.last_error or ''}")
        try:
            mail = unseal(self._host, row)
        except DecryptionError as error:
            # A missing key may be put back; a damaged text stays so.
            kind: Literal["later", "refused"] = (
                "later" if error.reason == "unknown_key" else "refused"
            )
            return Outcome(kind=kind, detail=str(error))
        try:
            return sender.send(mail)
        except Exception as error:
            # A fault of ours: it must not keep the other mails, nor be tried for ever. Traces of
            # errors may show variables, and with them the text.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__} in {frame.filename}:{frame.lineno}"
            logger.error("mail could not be sent", mail=str(row.id), error=what)  # noqa: TRY400
            return Outcome(kind="unknown", detail=type(error).__name__)

    def _record(self, owner: UUID, row: OutboxMail, outcome: Outcome) -> None:
        self.report.outcomes[outcome.kind] += 1
        for pause in (*PATIENCE, None):
            try:
                with self._host.database.session(ACTOR) as session:
                    outbox.record(
                        session, owner, row, outcome, settings=self.settings,
                        provider=self._transport.name, keeps=self._transport.keeps,
                    )  # fmt: skip
                break
            except OperationalError:
                if pause is None:
                    raise
                # Unrecorded, a mail that was taken goes again: a database that restarts is waited
                # for. It may have recorded it already; then this changes nothing.
                time.sleep(pause)
        if outcome.kind != "accepted":
            logger.warning(
                "mail not sent", mail=str(row.id), template=row.template,
                outcome=outcome.kind, attempt=row.attempts, error=outcome.detail,
            )  # fmt: skip
