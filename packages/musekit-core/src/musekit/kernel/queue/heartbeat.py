"""A worker says every few seconds that it is there, what it works on and what it has done."""

from __future__ import annotations

import os
import socket
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import CursorResult, delete, update
from sqlalchemy.orm import Session

from musekit import __version__
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.ids import new_id
from musekit.kernel.queue.models import WorkerProcess

if TYPE_CHECKING:
    from musekit.kernel.host import Host

logger = structlog.get_logger(__name__)
_ACTOR = Actor.system("worker")
#: Seconds between two beats. Each is a write, and SQLite has one writer at a time.
EVERY = 10.0
#: After so long without a beat a worker is gone; and after so long its row is deleted, too.
GONE, FORGOTTEN = timedelta(seconds=60), timedelta(days=1)


class Heartbeat:
    """The row of one worker process in ``worker_processes``."""

    def __init__(self, host: Host) -> None:
        self._host, self._id, self._since = host, new_id(), utc_now()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="musekit-heartbeat", daemon=True)

    def start(self) -> None:
        """Beat in a thread of its own until `end`, and so while the worker drains, too."""
        self._thread.start()

    def _run(self) -> None:
        self.beat()
        while not self._ended.wait(EVERY):
            self.beat()

    def beat(self) -> None:
        """Say that this process is there. Never raises."""
        try:
            with self._host.database.session(_ACTOR) as session:
                self._write(session)
        except Exception as error:
            logger.warning("heartbeat not written", error=type(error).__name__)

    def end(self) -> None:
        """Take the row away: this worker ends as it was asked to. Never raises."""
        self._ended.set()
        self._thread.join(1)
        try:
            with self._host.database.session(_ACTOR) as session:
                session.execute(delete(WorkerProcess).where(WorkerProcess.id == self._id))
        except Exception as error:  # it is seen to be gone all the same, a minute later
            logger.warning("heartbeat not taken away", error=type(error).__name__)

    def _write(self, session: Session) -> None:
        tally, now = self._host.tally, utc_now()
        told = {"seen_at": now, "running": tally.running(), "counts": tally.counts()}
        done = session.execute(
            update(WorkerProcess).where(WorkerProcess.id == self._id).values(**told)
        )
        assert isinstance(done, CursorResult)
        if done.rowcount:
            return
        # The first beat, or somebody has deleted the row. Others that ended by force go now.
        session.execute(delete(WorkerProcess).where(WorkerProcess.seen_at < now - FORGOTTEN))
        session.add(
            WorkerProcess(
                id=self._id, host=socket.gethostname(), pid=os.getpid(), version=__version__,
                started_at=self._since, services=[
                    service.name for service in self._host.registry.services
                ], **told,
            )
        )  # fmt: skip
