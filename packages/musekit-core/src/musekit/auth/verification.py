"""Proving that an e-mail address is its user's: a link is mailed, and followed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.auth import endings, links
from musekit.auth.models import OneTimeLink, User
from musekit.auth.settings import AuthSettings
from musekit.email import service as email
from musekit.email.settings import EmailSettings
from musekit.errors import ConflictError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host


def send(session: Session, host: Host, user_id: UUID) -> None:
    """Mail a user the link that confirms their address. Runs as the system.

    Raises:
        ConflictError: it is confirmed already.
    """
    user = session.get_one(User, user_id)
    if user.email_verified_at is not None:
        raise ConflictError("Your e-mail address is confirmed already.")
    hours = host.settings_of(AuthSettings).verify_hours
    secret = links.make(
        session, "verify_email", user_id=user.id, email_key=user.email_key,
        lasts=timedelta(hours=hours),
    )  # fmt: skip
    url = f"{host.settings.public_url.rstrip('/')}/verify/{secret}"
    email.queue(session, host, "verify-email", to=user, context={"url": url, "hours": hours})


def reminder(host: Host, actor: Actor | None) -> dict[str, Any] | None:
    """Return what the dashboard says to who has not confirmed their address; an edge."""
    if actor is None or actor.session_id is None or actor.organization_id is not None:
        return None
    with host.database.session(Actor.system("dashboard"), readonly=True, single=True) as session:
        address = session.scalar(
            select(User.email).where(User.id == actor.user_id, User.email_verified_at.is_(None))
        )
    if address is None:
        return None
    return {"email": address, "kept": host.settings_of(EmailSettings).keeps_all}


def address_of(session: Session, secret: str) -> str:
    """Return the address that a link would confirm; LinkSpentError if it confirms none."""
    return _user_of(session, links.peek(session, "verify_email", secret)).email


def confirm(session: Session, secret: str, actor: Actor | None) -> User:
    """Follow a link. Runs as the system.

    Until now anybody may have made the account, and waited for the owner of the mailbox to put it
    to use. So whoever came in before is out, unless the link is followed by a browser that is
    signed in: its person knows the password.

    Args:
        actor: who follows it; None for a visitor.

    Raises:
        LinkSpentError: it may not be followed any more.
    """
    user = _user_of(session, links.take(session, "verify_email", secret))
    if user.email_verified_at is None:
        user.email_verified_at = utc_now()
        if actor is None or actor.user_id != user.id:
            endings.end_everything(session, user.id, proofs=True)
    return user


def _user_of(session: Session, link: OneTimeLink) -> User:
    user = session.get_one(User, link.user_id)
    if user.email_key != link.email_key:  # the account has another address by now
        raise links.LinkSpentError("The account has another e-mail address by now.")
    return user
