"""A user's data handed out, and a user removed with all of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.audit.models import AuditEntry
from musekit.auth.federation.models import UserIdentity
from musekit.auth.models import ApiToken, User, UserSession
from musekit.auth.second_factors.models import Passkey, UserTotp
from musekit.email import preferences
from musekit.errors import NotFoundError
from musekit.organizations import leaving
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
    identities = session.scalars(select(UserIdentity).where(UserIdentity.user_id == user_id))
    passkeys = session.scalars(select(Passkey).where(Passkey.user_id == user_id))
    totp = session.get(UserTotp, user_id)
    acts = session.execute(
        select(AuditEntry.at, AuditEntry.action, AuditEntry.ip)
        .where(AuditEntry.actor_user_id == user_id)
        .order_by(AuditEntry.at, AuditEntry.id)
    )
    return {
        "user": {
            "id": str(user.id), "email": user.email, "name": user.name,
            "timezone": user.timezone, "locale": user.locale,
            "created_at": user.created_at.isoformat(),
            "email_verified_at": _time(user.email_verified_at),
            "password_changed_at": _time(user.password_changed_at),
            "last_sign_in_at": _time(user.last_sign_in_at),
        },
        "spaces": [
            {"id": str(space.id), "name": space.name, "role": role,
             "personal": space.personal_user_id == user_id} for space, role in spaces
        ],
        "sessions": [
            {"ip": each.ip, "user_agent": each.user_agent,
             "created_at": each.created_at.isoformat(),
             "last_seen_at": each.last_seen_at.isoformat(),
             "came_in_by": list(each.methods or ()), "by_operator": each.by_operator}
            for each in sessions
        ],
        "identities": [
            {"provider": each.provider, "issuer": each.issuer, "subject": each.subject,
             "email": each.email, "linked_at": each.linked_at.isoformat()} for each in identities
        ],
        "passkeys": [
            {"name": each.name, "created_at": each.created_at.isoformat(),
             "last_used_at": _time(each.last_used_at)} for each in passkeys
        ],
        "authenticator_app_since": _time(totp.confirmed_at) if totp else None,
        "api_tokens": [
            {"name": each.name, "begins_with": each.prefix, "scopes": list(each.scopes),
             "created_at": each.created_at.isoformat()} for each in tokens
        ],
        "audit": [
            {"at": at.isoformat(), "action": action, "ip": ip} for at, action, ip in acts
        ],
    }  # fmt: skip


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def remove(session: Session, user_id: UUID) -> None:
    """Delete a user. Their personal space and whatever refers to either goes with them.

    What they made in an organization stays there. After the commit the caller tells the plugins
    (``hooks.on_user_deleted``).

    Raises:
        ConflictError: an organization with other members would be left without an owner.
    """
    leaving.prepare_removal(session, user_id)
    user = session.get_one(User, user_id)
    preferences.forget(session, user)
    session.delete(user)
    session.flush()
