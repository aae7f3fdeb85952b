"""Shutting people out, and letting them in again: what operators do."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.auth import endings, impersonation_ends, journal, links
from musekit.auth.models import User, UserSession
from musekit.errors import ConflictError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now


def disable(
    session: Session,
    actor: Actor,
    user_id: UUID,
    *,
    reason: str = "",
    request: Request | None = None,
) -> User:
    """Let nobody come in as a user until `enable`. Runs as the system.

    Browsers are signed out. API tokens are refused meanwhile and work again afterwards, and so do
    the posts that are scheduled: nothing of theirs is changed.

    Args:
        reason: for the audit log.

    Raises:
        ConflictError: it is oneself, or the only operator.
    """
    user = session.get_one(User, user_id)
    if actor.user_id == user_id:
        raise ConflictError("You would shut yourself out. Nothing was changed.")
    demand_other_operator(session, user)
    if user.disabled_at is None:
        user.disabled_at = utc_now()
        gone = endings.end_sessions(session, user_id)
        # Those by which the person acts for somebody else, too.
        acting = UserSession.impersonator_user_id == user_id
        impersonation_ends.before(session, acting, how="the operator was shut out")
        session.execute(delete(UserSession).where(acting))
        links.revoke(session, user_id, "reset_password", "change_email")
        journal.note(
            session, actor, "user.disabled", target=("user", user_id), request=request,
            detail={"browsers_signed_out": gone, "reason": reason},
        )  # fmt: skip
    return user


def enable(
    session: Session, actor: Actor, user_id: UUID, *, request: Request | None = None
) -> User:
    """Let a user come in again. Runs as the system.

    Raises:
        ConflictError: the account is being deleted.
    """
    user = session.get_one(User, user_id)
    if user.deleting_at is not None:
        raise ConflictError("This account is being deleted. It cannot be opened again.")
    if user.disabled_at is not None:
        user.disabled_at = None
        journal.note(session, actor, "user.enabled", target=("user", user_id), request=request)
    return user


def demand_other_operator(session: Session, user: User) -> None:
    """Raise ConflictError if a user is an operator and nobody else who may come in is one."""
    if not user.is_operator:
        return
    other = session.scalar(
        select(User.id)
        .where(
            User.is_operator, User.id != user.id, User.disabled_at.is_(None),
            User.deleting_at.is_(None),
        )
        .limit(1)
    )  # fmt: skip
    if other is None:
        raise ConflictError(
            "This is the only operator. Make somebody else one first, by"
            " `musekit users set-operator EMAIL`. Nothing was changed."
        )
