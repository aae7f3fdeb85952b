"""Jobs that run every so often. Any number of schedulers ring once for each run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import CursorResult, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from musekit.kernel.actors import Actor
from musekit.kernel.database.types import db_now
from musekit.kernel.queue.models import JobSchedule

if TYPE_CHECKING:
    from musekit.kernel.host import Host
    from musekit.kernel.queue.services import Stop

logger = structlog.get_logger(__name__)
_ACTOR = Actor.system("scheduler")
#: Seconds between looks when nothing is due sooner: another process may have moved a time.
LONGEST = 5.0
SHORTEST = 0.05


class Scheduler:
    """Rings for jobs declared with `every`. By the database's clock, so all hosts agree."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._every = {
            job.name: timedelta(seconds=job.every)
            for job in host.registry.jobs.values()
            if job.every is not None
        }

    def run(self, stop: Stop) -> None:
        """Ring until a stop is requested; survive a database that is away."""
        pause, ready = 0.0, False
        while self._every and not stop.wait(pause):
            try:
                if not ready:
                    self.prepare()
                    ready = True
                pause = self.tick()
            except Exception:
                logger.exception("scheduler")
                pause = LONGEST

    def prepare(self) -> None:
        """Enter jobs that are new: their first run is due at once."""
        with self._host.database.session(_ACTOR, readonly=True) as session:
            if self._look(session)[1].keys() >= self._every.keys():
                return
        insert: Any = postgresql.insert if self._host.database.is_postgres else sqlite.insert
        with self._host.database.session(_ACTOR) as session:
            for name in self._every:
                row = insert(JobSchedule).values(name=name, next_run_at=db_now())
                session.execute(row.on_conflict_do_nothing(index_elements=["name"]))

    def claim_one(self) -> str | None:
        """Claim what has been due the longest, to be run by the caller; None: nothing is due."""
        with self._host.database.session(_ACTOR) as session:
            now, times = self._look(session)
            for name in sorted(times, key=lambda each: times[each]):
                if times[name] <= now and self._claim(session, name):
                    return name
        return None

    def due(self) -> int:
        """Return how many jobs are due now."""
        with self._host.database.session(_ACTOR, readonly=True) as session:
            now, times = self._look(session)
        return sum(at <= now for at in times.values())

    def tick(self) -> float:
        """Claim and ring what is due; return seconds until the next look.

        A scheduler that dies between the two loses one run; the next comes in its turn.
        """
        with self._host.database.session(_ACTOR, readonly=True) as session:
            now, times = self._look(session)
        if any(at <= now for at in times.values()):
            with self._host.database.session(_ACTOR) as session:
                claimed = [name for name in times if self._claim(session, name)]
                now, times = self._look(session)
            for name in claimed:
                self._host.broker.enqueue(name)
        nearest = min(times.values(), default=now + timedelta(seconds=LONGEST))
        return min(LONGEST, max(SHORTEST, (nearest - now).total_seconds()))

    def _look(self, session: Session) -> tuple[datetime, dict[str, datetime]]:
        rows = session.execute(
            select(JobSchedule.name, JobSchedule.next_run_at, db_now()).where(
                JobSchedule.name.in_(self._every)
            )
        ).all()
        now = rows[0][2] if rows else datetime.now(UTC)
        return now, {name: at for name, at, _ in rows}

    def _claim(self, session: Session, name: str) -> bool:
        """Move a due job's time on; False if another scheduler has done so, or it is not due."""
        row = session.execute(
            select(JobSchedule.next_run_at, db_now()).where(JobSchedule.name == name)
        ).one_or_none()
        if row is None or row[0] > row[1]:
            return False
        was, now = row
        following = was + self._every[name]
        if following <= now:  # runs missed while nobody worked are not made up for
            following = now + self._every[name]
        result = session.execute(
            update(JobSchedule)
            .where(JobSchedule.name == name, JobSchedule.next_run_at == was)
            .values(next_run_at=following, last_run_at=now)
        )
        assert isinstance(result, CursorResult)
        return result.rowcount == 1
