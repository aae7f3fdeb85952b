"""Browser sessions, kept on the server: a cookie is worth nothing once its row is gone."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import CursorResult, bindparam, delete, select
from sqlalchemy.orm import Session

from musekit.auth.models import User, UserSession
from musekit.auth.secrets import digest, new_session_secret
from musekit.errors import NotFoundError
from musekit.kernel.ids import new_id
from musekit.spaces.models import SpaceMember

#: The time of last use is written at most this often, so that reading pages stays reading.
TOUCH_EVERY = timedelta(hours=1)


class Known(NamedTuple):
    """A live session with what a request needs of its person, read in one statement."""

    id: UUID
    user_id: UUID
    space_id: UUID
    csrf_token: str
    last_seen_at: datetime
    email: str
    name: str
    timezone: str
    is_operator: bool
    role: str | None  #: None: the person has left the space


def start(
    session: Session,
    user_id: UUID,
    space_id: UUID,
    *,
    days: int,
    ip: str = "",
    user_agent: str = "",
) -> tuple[UserSession, str]:
    """Start a session and return it with its secret, the cookie's value.

    Always a new secret: one that was in the browser before the sign-in is never taken over.
    """
    secret = new_session_secret()
    now = datetime.now(UTC)
    row = UserSession(
        id=new_id(), secret_hash=digest(secret), user_id=user_id, space_id=space_id,
        csrf_token=secrets.token_urlsafe(24), ip=ip[:45], user_agent=_printable(user_agent)[:300],
        created_at=now, last_seen_at=now, expires_at=now + timedelta(days=days),
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row, secret


#: Asked with every request of a browser, so it is put together once.
_FIND = (
    select(
        UserSession.id, UserSession.user_id, UserSession.space_id, UserSession.csrf_token,
        UserSession.last_seen_at, User.email, User.name, User.timezone, User.is_operator,
        SpaceMember.role,
    )
    .join(User, User.id == UserSession.user_id)
    .outerjoin(
        SpaceMember,
        (SpaceMember.user_id == UserSession.user_id)
        & (SpaceMember.space_id == UserSession.space_id),
    )
    .where(
        UserSession.secret_hash == bindparam("secret_hash"),
        UserSession.expires_at > bindparam("now"),
    )
)  # fmt: skip


def find(session: Session, secret: str, *, now: datetime | None = None) -> Known | None:
    """Return the live session of a cookie's value."""
    values = {"secret_hash": digest(secret), "now": now or datetime.now(UTC)}
    found = session.execute(_FIND, values).one_or_none()
    return None if found is None else Known._make(found)


def needs_touch(known: Known, *, now: datetime | None = None) -> bool:
    """True if the time of last use is old enough to be written again."""
    return (now or datetime.now(UTC)) - known.last_seen_at >= TOUCH_EVERY


def touch(session: Session, session_id: UUID, *, days: int) -> None:
    """Write the time of use and move the expiry; a session that was revoked meanwhile stays so."""
    row = session.get(UserSession, session_id)
    if row is not None:
        row.last_seen_at = datetime.now(UTC)
        row.expires_at = row.last_seen_at + timedelta(days=days)


def move(session: Session, session_id: UUID, space_id: UUID) -> None:
    """Put a session into another space. The caller has checked the membership."""
    row = session.get_one(UserSession, session_id)
    row.space_id = space_id


def list_of(session: Session, user_id: UUID) -> Sequence[UserSession]:
    """Return a user's live sessions, the last used first."""
    return session.scalars(
        select(UserSession)
        .where(UserSession.user_id == user_id, UserSession.expires_at > datetime.now(UTC))
        .order_by(UserSession.last_seen_at.desc())
    ).all()


def revoke(session: Session, user_id: UUID, session_id: UUID) -> None:
    """End one session of a user. NotFoundError if the user has none of that id."""
    if _delete(session, UserSession.user_id == user_id, UserSession.id == session_id) == 0:
        raise NotFoundError("That session is over already.")


def end(session: Session, secret_hash: bytes) -> None:
    """End the session whose cookie hashes to this, if there is one."""
    _delete(session, UserSession.secret_hash == secret_hash)


def revoke_others(session: Session, user_id: UUID, keep: UUID | None) -> int:
    """End all sessions of a user but one; return how many ended."""
    return _delete(session, UserSession.user_id == user_id, UserSession.id != keep)


def sweep(session: Session) -> int:
    """Delete the sessions that have expired; return how many."""
    return _delete(session, UserSession.expires_at <= datetime.now(UTC))


def _delete(session: Session, *where: object) -> int:
    result = session.execute(delete(UserSession).where(*where))  # type: ignore[arg-type]
    assert isinstance(result, CursorResult)
    return result.rowcount


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
