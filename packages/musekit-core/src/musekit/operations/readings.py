"""What the core has read for metrics: the same for every web process, for it is in the database."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from musekit import __version__
from musekit.ai.models import AICallRecord
from musekit.email import outbox
from musekit.email.models import OutboxMail
from musekit.kernel.database.conditions import one_of
from musekit.kernel.database.types import utc_now
from musekit.kernel.queue.heartbeat import GONE
from musekit.kernel.queue.models import FailedJob, ParkedJob, WorkerProcess
from musekit.operations import working
from musekit.webhooks import queue
from musekit.webhooks.models import WebhookDelivery

if TYPE_CHECKING:
    from musekit.kernel.host import Host

Values = Mapping[tuple[str, ...], float]
_DAY = timedelta(days=1)


def register(host: Host) -> None:
    """Have them read when Prometheus asks."""
    reading = host.metrics.reading
    reading("musekit_build_info", "What runs here.", lambda _: _build(host),
            ("version", "python", "mode"))  # fmt: skip
    reading("musekit_plugins_held", "Plugins left out because of a fault.",
            lambda _: len(host.registry.quarantined))  # fmt: skip
    reading("musekit_queue_depth", "Bells that wait for a worker.", lambda _: host.broker.depth())
    reading("musekit_workers", "Worker processes seen within the last minute.", _workers)
    reading("musekit_worker_jobs_running", "Jobs under way, by name.", _running, ("job",))
    reading("musekit_worker_jobs_total", "Jobs that ended, by worker process.", _ended,
            ("worker", "job", "outcome"), counter=True)  # fmt: skip
    reading("musekit_schedule_late_seconds", "How long the job that is most overdue is due.",
            lambda session: working.late(session, host))  # fmt: skip
    reading("musekit_jobs_left", "Jobs that failed for good, or are parked.", _left, ("why",))
    reading("musekit_outbox_depth", "What waits to be sent, by kind.", _depth, ("kind",))
    reading("musekit_outbox_oldest_seconds", "For how long the oldest of it is due.", _oldest,
            ("kind",))  # fmt: skip
    reading("musekit_ai_calls_day", "Calls of models within a day.", _ai_calls,
            ("provider", "state"))  # fmt: skip
    reading("musekit_ai_micros_day", "Their cost, in millionths of a dollar.", _ai_micros,
            ("provider",))  # fmt: skip


def _build(host: Host) -> Values:
    return {(__version__, platform.python_version(), host.settings.mode): 1}


def _alive(session: Session) -> list[WorkerProcess]:
    seen = utc_now() - GONE
    return list(session.scalars(select(WorkerProcess).where(WorkerProcess.seen_at > seen)))


def _workers(session: Session) -> float:
    return len(_alive(session))


def _running(session: Session) -> Values:
    found: dict[tuple[str, ...], float] = {}
    for row in _alive(session):
        for job in row.running:
            found[job["name"],] = found.get((job["name"],), 0) + 1
    return found


def _ended(session: Session) -> Values:
    """By process, for each counts from its own start: sums and rates are Prometheus' work."""
    return {
        (f"{row.host}:{row.pid}", job, outcome): number
        for row in _alive(session)
        for job, outcomes in row.counts.items()
        for outcome, number in outcomes.items()
    }


def _left(session: Session) -> Values:
    return {
        ("failed",): session.scalar(select(func.count(FailedJob.id))) or 0,
        ("parked",): session.scalar(select(func.count(ParkedJob.id))) or 0,
    }


def _open() -> dict[str, tuple[ColumnElement[datetime], ColumnElement[bool]]]:
    """Return when each kind of outgoing things is due, and which of them wait."""
    return {
        "mail": (OutboxMail.next_attempt_at.expression,
                 one_of(OutboxMail.state, outbox.OPEN)),
        "webhook": (WebhookDelivery.next_attempt_at.expression,
                    one_of(WebhookDelivery.state, queue.OPEN)),
    }  # fmt: skip


def _depth(session: Session) -> Values:
    return {
        (kind,): session.scalar(select(func.count(due)).where(waits)) or 0
        for kind, (due, waits) in _open().items()
    }


def _oldest(session: Session) -> Values:
    return {
        (kind,): _age(session.scalar(select(func.min(due)).where(waits)))
        for kind, (due, waits) in _open().items()
    }


def _ai_calls(session: Session) -> Values:
    rows = session.execute(
        select(AICallRecord.provider, AICallRecord.state, func.count())
        .where(AICallRecord.started_at > utc_now() - _DAY)
        .group_by(AICallRecord.provider, AICallRecord.state)
    )
    return {(provider, state): number for provider, state, number in rows}


def _ai_micros(session: Session) -> Values:
    rows = session.execute(
        select(AICallRecord.provider, func.sum(AICallRecord.cost_micros))
        .where(AICallRecord.started_at > utc_now() - _DAY)
        .group_by(AICallRecord.provider)
    )
    return {(provider,): float(cost or 0) for provider, cost in rows}


def _age(due: datetime | None) -> float:
    return 0.0 if due is None else max(0.0, (utc_now() - due).total_seconds())
