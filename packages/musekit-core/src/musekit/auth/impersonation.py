"""Operators acting as a person, to see what they see: shown, told, logged, and soon over.

A session of the person is started beside the operator's own, which gets another secret that nobody
has: one browser is one of the two at a time. Nothing of the operator's is kept in the browser
meanwhile; at the end their session gets a secret once more. Acts that are the person's alone are
refused by the rule of their route (`in_person`, `recent`), and there are no operator's rights.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased
from starlette.requests import Request

from musekit.auth import journal, sessions
from musekit.auth.impersonation_ends import ENDED
from musekit.auth.models import User, UserSession
from musekit.auth.settings import AuthSettings
from musekit.email import service as mail
from musekit.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ratelimit.keys import address_of
from musekit.spaces import service as spaces

LONGEST_REASON = 300
BEGAN = "impersonation.began"


class Begun(NamedTuple):
    """An operator acts as somebody: whom, the new cookie's value, and for how long."""

    email: str
    secret: str
    seconds: int


class Back(NamedTuple):
    """The operator is themselves again: whom they acted as, and their cookie's new value."""

    user_id: UUID
    secret: str


def minutes_of(host: Host) -> int:
    """Return how long operators may act as a person at once; 0: never."""
    return host.settings_of(AuthSettings).impersonation_minutes


def begin(
    session: Session, host: Host, request: Request, actor: Actor, user_id: UUID, *, reason: str
) -> Begun:
    """Start a session in which an operator is a person. Runs as the system.

    Args:
        reason: why; the person reads it in the mail that tells them.

    Raises:
        ForbiddenError: it is switched off.
        InvalidError: there is no reason, or it is too long.
        NotFoundError: there is no such user.
        ConflictError: it is oneself, another operator, or an account that is closed.
    """
    minutes = minutes_of(host)
    if not minutes:
        raise ForbiddenError(
            "Acting as somebody is switched off (MUSEKIT_AUTH_IMPERSONATION_MINUTES)."
        )
    reason = _checked(reason)
    user = session.get(User, user_id)
    if user is None:
        raise NotFoundError("There is no such user.")
    _demand_possible(actor, user)
    assert actor.session_id is not None
    sessions.renew(session, actor.session_id)  # the secret goes nowhere: see the module
    row, secret = sessions.start(
        session, user.id, spaces.personal_space_id(session, user.id), days=1,
        ip=address_of(request), user_agent=request.headers.get("user-agent", ""), methods=(),
    )  # fmt: skip
    row.expires_at = row.created_at + timedelta(minutes=minutes)
    row.impersonator_user_id, row.impersonator_session_id = actor.user_id, actor.session_id
    journal.note(
        session, actor, BEGAN, target=("user", user.id), request=request,
        detail={"minutes": minutes, "reason": reason},
    )  # fmt: skip
    if user.email_verified_at is not None:  # else it may be a stranger's mailbox
        mail.queue(
            session, host, "impersonation-notice", to=user,
            context={
                "at": row.created_at, "zone": user.zone, "minutes": minutes, "reason": reason,
                "url": f"{host.settings.public_url.rstrip('/')}/account/sessions",
            },
        )  # fmt: skip
    return Begun(user.email, secret, minutes * 60)


def _checked(reason: str) -> str:
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= LONGEST_REASON or not reason.isprintable():
        message = f"say why, in at most {LONGEST_REASON} plain characters"
        raise InvalidError(
            "Nothing was begun.", errors=[{"field": "impersonate", "message": message}]
        )
    return reason


def _demand_possible(actor: Actor, user: User) -> None:
    if user.id == actor.user_id:
        raise ConflictError("That is you already.")
    if user.is_operator:
        raise ConflictError("Nobody acts as another operator.")
    if user.disabled_at is not None or user.deleting_at is not None:
        raise ConflictError("Nobody comes in as this person: the account is closed.")


def end(session: Session, actor: Actor, request: Request) -> Back | None:
    """End the session in which an operator is a person. Runs as the system.

    Returns:
        None if the operator's own session is over, too: they sign in again.
    """
    assert actor.session_id is not None
    assert actor.user_id is not None
    row = session.get(UserSession, actor.session_id)
    if row is None or row.impersonator_session_id is None:
        return None
    own = row.impersonator_session_id
    session.delete(row)
    journal.note(session, actor, ENDED, target=("user", actor.user_id), request=request)
    try:
        _, secret = sessions.renew(session, own)
    except NotFoundError:
        return None
    return Back(actor.user_id, secret)


_OWN = aliased(UserSession)
_ALLOWED = (
    select(UserSession.id)
    .join(User, User.id == UserSession.impersonator_user_id)
    .join(_OWN, _OWN.id == UserSession.impersonator_session_id)
    .where(
        _OWN.user_id == User.id, User.is_operator, User.disabled_at.is_(None),
        User.deleting_at.is_(None),
    )
)  # fmt: skip


def is_allowed(session: Session, host: Host, session_id: UUID) -> bool:
    """Say whether an operator may go on as the person of a session. Runs as the system.

    Not once they are no operator any more, or shut out, or signed out elsewhere by themselves, or
    once it is switched off. The operator's own session may expire meanwhile.
    """
    if not minutes_of(host):
        return False
    return session.scalar(_ALLOWED.where(UserSession.id == session_id)) is not None


def until(session: Session, session_id: UUID) -> datetime:
    """Return when a session ends by itself."""
    row = session.get(UserSession, session_id)
    return utc_now() if row is None else row.expires_at
