"""What the hourly sweep deletes, and how the queue is judged."""

from __future__ import annotations

from functools import partial

from sqlalchemy import func, select

from musekit.audit import sweeping as audit
from musekit.auth import links, reset, sessions
from musekit.declarations import Health
from musekit.email import outbox
from musekit.email.settings import EmailSettings
from musekit.kernel import ratelimit
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.queue.models import ParkedJob
from musekit.kernel.web import idempotency_store

_ACTOR = Actor.system("housekeeping")


def sweep(host: Host) -> None:
    """Delete rows that count for nothing any more, each kind in a unit of work of its own."""
    days = host.settings_of(EmailSettings).keep_days
    mails = partial(outbox.sweep, days=days)
    for delete in (
        idempotency_store.sweep, ratelimit.sweep, sessions.sweep, links.sweep, reset.sweep, mails,
        audit.sweep,
    ):  # fmt: skip
        with host.database.session(_ACTOR) as session:
            delete(session)


def queue_health(host: Host) -> Health:
    """Say whether bells are lost, or jobs wait for a plugin that is not here. Calls no network."""
    broker = host.broker
    if not broker.healthy:
        return Health(
            status="warn",
            detail=f"the queue's store cannot be reached; {broker.missed} bells were lost here",
            advice="Look at MUSEKIT_REDIS_URL and its server. Due posts still go out, later.",
        )
    with host.database.session(_ACTOR, readonly=True) as session:
        parked = session.execute(
            select(ParkedJob.name, func.count()).group_by(ParkedJob.name).order_by(ParkedJob.name)
        ).all()
    if parked:
        jobs = ", ".join(f"{name} ({count})" for name, count in parked[:5])
        return Health(
            status="warn",
            detail=f"jobs of plugins that are not here are parked: {jobs}",
            advice="Install their plugin again and restart a worker, or purge it.",
        )
    return Health(status="ok")
