"""A user's data handed out, and a user removed with all of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.auth.models import ApiToken, User, UserSession
from musekit.errors import NotFoundError
from musekit.spaces.models import Space, SpaceMember


def find(session: Session, email: str) -> User:
    """Return the user of an address, however its letters are written. Raises NotFoundError."""
    key = email.strip().casefold()
    user = session.scalar(select(User).where(User.email_key == key))
    if user is None:
        raise NotFoundError(f"There is no user {email}. `musekit users list` shows them.")
    return user


def export(session: Session, user_id: UUID) -> dict[str, Any]:
    """Return what sign-in keeps of a user, JSON-ready; no password, token or session secret."""
    user = session.get_one(User, user_id)
    spaces = session.execute(
        select(Space, SpaceMember.role)
        .join(SpaceMember, SpaceMember.space_id == Space.id)
        .where(SpaceMember.user_id == user_id)
        .order_by(Space.created_at, Space.id)
    )
    sessions = session.scalars(select(UserSession).where(UserSession.user_id == user_id))
    tokens = session.scalars(select(ApiToken).where(ApiToken.user_id == user_id))
    return {
        "user": {
            "id": str(user.id), "email": user.email, "name": user.name,
            "timezone": user.timezone, "locale": user.locale,
            "created_at": user.created_at.isoformat(),
        },
        "spaces": [
            {"id": str(space.id), "name": space.name, "role": role,
             "personal": space.personal_user_id == user_id} for space, role in spaces
        ],
        "sessions": [
            {"ip": each.ip, "user_agent": each.user_agent,
             "created_at": each.created_at.isoformat(),
             "last_seen_at": each.last_seen_at.isoformat()} for each in sessions
        ],
        "api_tokens": [
            {"name": each.name, "begins_with": each.prefix, "scopes": list(each.scopes),
             "created_at": each.created_at.isoformat()} for each in tokens
        ],
    }  # fmt: skip


def remove(session: Session, user_id: UUID) -> None:
    """Delete a user. Their personal space and whatever refers to either goes with them.

    After the commit the caller tells the plugins (``hooks.on_user_deleted``).
    """
    session.delete(session.get_one(User, user_id))
    session.flush()
