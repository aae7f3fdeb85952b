"""What a person shows of themselves: a unique user name, a few words; the name is the account's."""

from __future__ import annotations

import re
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from musekit.errors import InvalidError
from musekit.kernel.database.types import utc_now
from musekit.social.models import Profile

LONGEST_BIO = 500
_USERNAME = re.compile(r"[a-z0-9](?:[a-z0-9_]{1,28})[a-z0-9]")
#: Names that people would take for the service itself.
_RESERVED = frozenset({
    "about", "account", "admin", "administrator", "api", "billing", "help", "musekit", "owner",
    "operator", "root", "security", "settings", "staff", "support", "system", "www",
})  # fmt: skip


def of(session: Session, user_id: UUID) -> Profile:
    """Return a user's profile, which every user has. Runs as the system."""
    return session.scalars(select(Profile).where(Profile.user_id == user_id)).one()


def change(
    session: Session, user_id: UUID, *, username: str | None = None, bio: str | None = None
) -> Profile:
    """Change what a person shows; None leaves a thing as it is, an empty one takes it away.

    Raises:
        InvalidError: with a fault for each that is not acceptable; nothing is changed.
    """
    row, faults = of(session, user_id), []
    if username is not None:
        name = username.strip().removeprefix("@").lower()
        if name and not _USERNAME.fullmatch(name):
            faults.append(("username", "use 3 to 30 letters a–z, digits and _ inside"))
        elif name in _RESERVED or (name and _is_taken(session, name, user_id)):
            faults.append(("username", "is taken; choose another one"))
        else:
            row.username = name or None
    if bio is not None:
        text = "\n".join(line.strip() for line in bio.strip().splitlines())
        if len(text) > LONGEST_BIO or not text.replace("\n", " ").isprintable():
            faults.append(("bio", f"use at most {LONGEST_BIO} plain characters"))
        else:
            row.bio = text or None
    if faults:
        raise _refused(*faults)
    row.updated_at = utc_now()
    try:
        session.flush()
    except IntegrityError:  # somebody else was faster
        raise _refused(("username", "is taken; choose another one")) from None
    return row


def _is_taken(session: Session, username: str, user_id: UUID) -> bool:
    found = session.scalar(
        select(Profile.id).where(Profile.username == username, Profile.user_id != user_id)
    )
    return found is not None


def _refused(*faults: tuple[str, str]) -> InvalidError:
    errors = [{"field": field, "message": message} for field, message in faults]
    return InvalidError("Nothing was saved.", errors=errors)
