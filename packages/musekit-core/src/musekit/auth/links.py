"""Links that are mailed: 256 random bits, of which a hash is kept; followed once, for a time.

Programs that look through mail open every link in it. So a page only shows what it is about, and
its button does it: `peek` for the page, `take` for the button.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.orm import Session

from musekit.auth.models import OneTimeLink
from musekit.auth.secrets import digest
from musekit.errors import MuseKitError
from musekit.kernel.database.types import utc_now
from musekit.kernel.ids import new_id

Purpose = Literal["verify_email", "reset_password", "change_email", "set_up"]
#: Spent links are kept for as long, so that who follows one twice is told so.
KEPT = timedelta(days=7)


class LinkSpentError(MuseKitError):
    """The link was followed already, is too old, or was never ours: these look alike."""

    status, code, title = 410, "link-spent", "This link does not work any more"


def make(
    session: Session,
    purpose: Purpose,
    *,
    email_key: str,
    lasts: timedelta,
    user_id: UUID | None = None,
    data: dict[str, Any] | None = None,
    beside: bool = False,
) -> str:
    """Make a link and return its secret; earlier ones of the person for the same end are over.

    Args:
        email_key: the mailbox it is sent to; it proves that one alone.
        lasts: how long it may be followed.
        user_id: whose; None for a link that is about nobody yet.
        data: what it is to do, where the purpose does not say all of it.
        beside: earlier ones stay good, for an end that needs several.
    """
    if not beside:
        revoke(session, user_id, purpose)
    secret, now = secrets.token_urlsafe(32), utc_now()
    session.add(
        OneTimeLink(
            id=new_id(), purpose=purpose, token_hash=digest(secret), user_id=user_id,
            email_key=email_key, data=data, created_at=now, expires_at=now + lasts,
        )
    )  # fmt: skip
    session.flush()
    return secret


def peek(session: Session, purpose: Purpose, secret: str) -> OneTimeLink:
    """Return a link that may still be followed, and leave it so.

    Raises:
        LinkSpentError: it may not.
    """
    found = session.scalar(select(OneTimeLink).where(*_good(purpose, secret)))
    if found is None:
        raise _spent()
    return found


def take(session: Session, purpose: Purpose, secret: str) -> OneTimeLink:
    """Follow a link: of any number at once, one does.

    Raises:
        LinkSpentError: it was followed already, is too old, or is none of ours.
    """
    found = session.scalar(
        update(OneTimeLink)
        .where(*_good(purpose, secret))
        .values(used_at=utc_now())
        .returning(OneTimeLink)
        .execution_options(synchronize_session=False)
    )
    if found is None:
        raise _spent()
    return found


def revoke(session: Session, user_id: UUID | None, *purposes: Purpose) -> None:
    """Let the links of a person that nobody has followed yet lead nowhere."""
    session.execute(
        delete(OneTimeLink).where(
            OneTimeLink.user_id == user_id, OneTimeLink.purpose.in_(purposes),
            OneTimeLink.used_at.is_(None),
        )
    )  # fmt: skip


def sweep(session: Session) -> int:
    """Delete the links that ended a while ago; return how many."""
    result = session.execute(delete(OneTimeLink).where(OneTimeLink.expires_at < utc_now() - KEPT))
    assert isinstance(result, CursorResult)
    return result.rowcount


def _good(purpose: Purpose, secret: str) -> tuple[Any, ...]:
    return (
        OneTimeLink.token_hash == digest(secret), OneTimeLink.purpose == purpose,
        OneTimeLink.used_at.is_(None), OneTimeLink.expires_at > utc_now(),
    )  # fmt: skip


def _spent() -> LinkSpentError:
    return LinkSpentError("It was used already, or is too old. Have another one sent.")
