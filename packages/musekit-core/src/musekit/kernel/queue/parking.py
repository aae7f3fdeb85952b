"""Messages of jobs that nobody here declares are parked in the database, not lost."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from musekit.kernel.actors import Actor
from musekit.kernel.database.types import db_now
from musekit.kernel.ids import new_id
from musekit.kernel.queue.messages import Message
from musekit.kernel.queue.models import ParkedJob

if TYPE_CHECKING:
    from musekit.kernel.host import Host

logger = structlog.get_logger(__name__)
_ACTOR = Actor.system("queue")


def park(host: Host, message: Message, reason: str) -> None:
    """Keep a message until a plugin declares its job. The same bell is kept once."""
    body = json.dumps([message.name, dict(message.ids)], sort_keys=True)
    insert: Any = postgresql.insert if host.database.is_postgres else sqlite.insert
    row = insert(ParkedJob).values(
        id=new_id(),
        name=message.name,
        ids=dict(message.ids),
        digest=hashlib.sha256(body.encode()).hexdigest(),
        reason=reason,
        parked_at=db_now(),
    )
    with host.database.session(_ACTOR) as session:
        session.execute(row.on_conflict_do_nothing(index_elements=["digest"]))
    logger.warning("job parked", job=message.name, reason=reason)


def requeue_parked(host: Host, *, batch: int = 500) -> int:
    """Ring again for parked messages whose job is known now; return how many.

    A message leaves the table only after the queue has it: a crash in between rings twice, which
    a bell may. Called when a worker starts.
    """
    known = list(host.registry.jobs)
    done = 0
    while known:
        with host.database.session(_ACTOR, readonly=True) as session:
            rows = session.execute(
                select(ParkedJob.id, ParkedJob.name, ParkedJob.ids)
                .where(ParkedJob.name.in_(known))
                .order_by(ParkedJob.parked_at)
                .limit(batch)
            ).all()
        rung = [row.id for row in rows if host.broker.ring(Message(name=row.name, ids=row.ids))]
        if rung:
            with host.database.session(_ACTOR) as session:
                session.execute(delete(ParkedJob).where(ParkedJob.id.in_(rung)))
        done += len(rung)
        if len(rung) < batch:
            break
    if done:
        logger.info("parked jobs requeued", count=done)
    return done
