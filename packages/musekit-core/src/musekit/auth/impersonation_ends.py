"""Ends of an operator's acting as a person: each leaves an entry, however it comes about.

By its button, by signing out, by its time, or because the person or who runs the deployment has
signed that browser out. Whoever deletes sessions calls `before` first.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.auth import journal
from musekit.auth.models import UserSession
from musekit.kernel.actors import Actor

ENDED = "impersonation.ended"


def before(session: Session, *where: Any, how: str, request: Request | None = None) -> None:
    """Write down the ends of those among some sessions, which are about to be deleted.

    The operators' own sessions go as well: their secrets were changed when the acting began, so
    that nobody has them, and they would live on. Runs as the system.

    Args:
        where: which sessions.
        how: it came to the end, for the log.
    """
    rows = session.execute(
        select(
            UserSession.user_id, UserSession.impersonator_user_id,
            UserSession.impersonator_session_id,
        ).where(UserSession.impersonator_user_id.is_not(None), *where)
    ).all()  # fmt: skip
    for person, operator, _ in rows:
        actor = Actor(kind="user", name=f"user:{person}", user_id=person, impersonator_id=operator)
        journal.note(
            session, actor, ENDED, target=("user", person), detail={"how": how}, request=request
        )
    own = [row.impersonator_session_id for row in rows if row.impersonator_session_id]
    if own:
        session.execute(delete(UserSession).where(UserSession.id.in_(own)))
