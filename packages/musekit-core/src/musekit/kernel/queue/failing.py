"""Jobs that failed for good are kept, to be looked at and run again once their cause is mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from sqlalchemy import select

from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.logs import hide
from musekit.kernel.queue.messages import Message
from musekit.kernel.queue.models import FailedJob

if TYPE_CHECKING:
    from musekit.kernel.host import Host

logger = structlog.get_logger(__name__)
_ACTOR = Actor.system("queue")
#: Longest text of an error that is kept; the log has all of it.
LONGEST = 500
#: Rows of one job looked through for the same ids.
MOST_ALIKE = 200


def keep(host: Host, message: Message, error: BaseException) -> None:
    """Note that a job's retries are used up. The same job for the same ids is noted once.

    Never raises: a database that is away may be why the job failed.
    """
    text = hide(f"{type(error).__name__}: {error}".strip())[:LONGEST]
    ids = dict(message.ids)
    try:
        with host.database.session(_ACTOR) as session:
            alike = session.scalars(
                select(FailedJob)
                .where(FailedJob.name == message.name)
                .order_by(FailedJob.failed_at.desc())
                .limit(MOST_ALIKE)
            )
            row = next((each for each in alike if each.ids == ids), None)
            if row is None:
                row = FailedJob(name=message.name, ids=ids)
                session.add(row)
            row.attempts, row.error = message.attempt, text.replace("\0", "")
            row.failed_at = utc_now()
    except Exception as away:
        logger.warning("failed job not noted", job=message.name, error=type(away).__name__)
