"""Browser sessions, kept on the server: a cookie is worth nothing once its row is gone."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import CursorResult, bindparam, delete, func, select
from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.auth import impersonation_ends
from musekit.auth.models import User, UserSession
from musekit.auth.secrets import digest, new_session_secret
from musekit.errors import NotFoundError, OtherWayInError
from musekit.kernel.ids import new_id
from musekit.spaces.models import Space, SpaceMember

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
    authenticated_at: datetime
    impersonator_id: UUID | None
    organization_id: UUID | None
    methods: Sequence[str] | None


def start(
    session: Session,
    user_id: UUID,
    space_id: UUID,
    *,
    days: int,
    ip: str = "",
    user_agent: str = "",
    methods: Sequence[str] = ("password",),
    organization_id: UUID | None = None,
) -> tuple[UserSession, str]:
    """Start a session and return it with its secret, the cookie's value.

    Always a new secret: one that was in the browser before the sign-in is never taken over.

    Args:
        methods: how the person has proven who they are.
        organization_id: whose own service has proven it: no space but its own is entered.
    """
    secret = new_session_secret()
    now = datetime.now(UTC)
    row = UserSession(
        id=new_id(), secret_hash=digest(secret), user_id=user_id, space_id=space_id,
        csrf_token=secrets.token_urlsafe(24), ip=ip[:45], user_agent=_printable(user_agent)[:300],
        created_at=now, last_seen_at=now, expires_at=now + timedelta(days=days),
        authenticated_at=now, methods=list(methods), organization_id=organization_id,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row, secret


#: Asked with every request of a browser, so it is put together once.
_FIND = (
    select(
        UserSession.id, UserSession.user_id, UserSession.space_id, UserSession.csrf_token,
        UserSession.last_seen_at, User.email, User.name, User.timezone, User.is_operator,
        SpaceMember.role, func.coalesce(UserSession.authenticated_at, UserSession.created_at),
        UserSession.impersonator_user_id, UserSession.organization_id, UserSession.methods,
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
        User.disabled_at.is_(None),
        User.deleting_at.is_(None),
    )
)  # fmt: skip


def find(session: Session, secret: str, *, now: datetime | None = None) -> Known | None:
    """Return the live session of a cookie's value; None also if nobody may come in as its user."""
    values = {"secret_hash": digest(secret), "now": now or datetime.now(UTC)}
    found = session.execute(_FIND, values).one_or_none()
    return None if found is None else Known._make(found)


def needs_touch(known: Known, *, now: datetime | None = None) -> bool:
    """True if the time of last use is old enough to be written again."""
    return (now or datetime.now(UTC)) - known.last_seen_at >= TOUCH_EVERY


def touch(session: Session, session_id: UUID, *, days: int) -> None:
    """Write the time of use and move the expiry; a session that was revoked meanwhile stays so.

    One by which an operator acts as somebody else ends when it was to end.
    """
    row = session.get(UserSession, session_id)
    if row is None:
        return
    row.last_seen_at = datetime.now(UTC)
    if row.impersonator_user_id is None:
        row.expires_at = row.last_seen_at + timedelta(days=days)


def renew(
    session: Session, session_id: UUID, *, methods: Sequence[str] = ()
) -> tuple[UserSession, str]:
    """Give a session another secret, so that the cookie it had is worth nothing at once.

    Call it whenever the rights of a session grow or its person changed what they sign in by.

    Args:
        methods: how the person has just proven who they are; none: they have not.

    Returns:
        the row, and its secret, the cookie's value.

    Raises:
        NotFoundError: the session has been ended meanwhile.
    """
    row = session.get(UserSession, session_id)
    if row is None:
        raise NotFoundError("You have been signed out meanwhile. Sign in, then repeat it.")
    secret = new_session_secret()
    row.secret_hash = digest(secret)
    row.csrf_token = secrets.token_urlsafe(24)
    if methods:
        row.authenticated_at = datetime.now(UTC)
        row.methods = list(dict.fromkeys([*(row.methods or ()), *methods]))
    session.flush()
    return row, secret


def move(session: Session, session_id: UUID, space_id: UUID) -> None:
    """Put a session into another space. The caller has checked the membership.

    Raises:
        OtherWayInError: an organization's own service let it in, and the space is another's.
    """
    row = session.get_one(UserSession, session_id)
    if row.organization_id is not None:
        owner = session.scalar(select(Space.organization_id).where(Space.id == space_id))
        if owner != row.organization_id:
            raise OtherWayInError.told()
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


def end(session: Session, secret_hash: bytes, request: Request | None = None) -> None:
    """End the session whose cookie hashes to this, if there is one: its browser signs out."""
    mine = UserSession.secret_hash == secret_hash
    _delete(session, mine, how="signed out", request=request)


def revoke_others(session: Session, user_id: UUID, keep: UUID | None) -> int:
    """End all sessions of a user but one; return how many ended."""
    return _delete(session, UserSession.user_id == user_id, UserSession.id != keep)


def sweep(session: Session) -> int:
    """Delete the sessions that have expired; return how many."""
    return _delete(session, UserSession.expires_at <= datetime.now(UTC), how="expired")


def _delete(
    session: Session, *where: Any, how: str = "signed out elsewhere", request: Request | None = None
) -> int:
    impersonation_ends.before(session, *where, how=how, request=request)
    result = session.execute(delete(UserSession).where(*where))
    assert isinstance(result, CursorResult)
    return result.rowcount


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
