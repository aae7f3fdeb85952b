"""What an operator does as a person: every request that may change something is in the log.

Most writes of a product are not logged one by one; these are, for the person was not there. The
entries stand in the space they act in, so its admins read them, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.audit import service as audit
from musekit.audit.models import AuditEntry
from musekit.auth.impersonation import BEGAN
from musekit.auth.models import User
from musekit.kernel.actors import Actor

ASKED = "impersonation.asked"
#: How many of the last times a person is shown.
FEW = 10
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Time(NamedTuple):
    """That an operator acted as a person; addresses where both are looked at, empty if gone."""

    at: datetime
    minutes: int
    reason: str
    operator: str = ""
    person: str = ""


def is_noted(request: Request) -> bool:
    """Say whether a request goes into the log: all that do more than read."""
    return request.method not in _READING


def note(session: Session, request: Request, actor: Actor) -> None:
    """Write down what is asked for, before it is judged: also what is refused. As the system."""
    route = getattr(request.scope.get("route"), "path", "")
    audit.record(
        session, actor, ASKED, request=request, target=("route", route),
        detail={"method": request.method},
    )  # fmt: skip


def times(session: Session, user_id: UUID) -> Sequence[Time]:
    """Return when an operator last acted as a person, the newest first. Runs as the system."""
    rows = session.scalars(
        select(AuditEntry)
        .where(
            AuditEntry.action == BEGAN, AuditEntry.target_kind == "user",
            AuditEntry.target_id == str(user_id),
        )
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(FEW)
    )  # fmt: skip
    return [_time(row) for row in rows]


def latest(session: Session, most: int) -> Sequence[Time]:
    """Return when operators last acted as anybody, the newest first. Runs as the system."""
    rows = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.action == BEGAN)
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(most)
    ).all()
    ids = {row.actor_user_id for row in rows} | {UUID(row.target_id) for row in rows}
    people = session.execute(select(User.id, User.email).where(User.id.in_(ids)))
    known: dict[UUID | None, str] = {row.id: row.email for row in people}
    return [
        _time(row)._replace(
            operator=known.get(row.actor_user_id, ""), person=known.get(UUID(row.target_id), "")
        )
        for row in rows
    ]


def _time(row: AuditEntry) -> Time:
    return Time(row.at, int(row.detail.get("minutes", 0)), str(row.detail.get("reason", "")))
