"""Personal API tokens: bound to one space, cut down to scopes, shown once, revocable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from musekit.auth.models import ApiToken, User
from musekit.auth.secrets import PREFIX, digest, is_well_formed, new_token
from musekit.errors import InvalidError, NotFoundError
from musekit.kernel.ids import new_id
from musekit.spaces.models import Space, SpaceMember

#: A scope meaning: whatever the person may do in the space, also what they may do later.
EVERYTHING = "*"
#: The time of last use is written at most this often per token.
TOUCH_EVERY = timedelta(minutes=1)
MOST_TOKENS = 50


def create(
    session: Session,
    user_id: UUID,
    space_id: UUID,
    name: str,
    scopes: Iterable[str],
    *,
    days: int | None = None,
    allowed: Iterable[str] | None = None,
) -> tuple[ApiToken, str]:
    """Make a token and return it with its secret, which is not stored and cannot be shown again.

    Args:
        scopes: permissions it is cut down to, or ``["*"]`` for all that its person holds.
        days: how long it is valid; None: until it is revoked.
        allowed: the permissions that may be given; None where the caller is trusted.

    Raises:
        InvalidError: no name, no scope, a scope that the person does not hold, too many tokens.
    """
    name, wanted = " ".join(name.split()), sorted(set(scopes))
    fault = None
    if not name or len(name) > 100 or not name.isprintable():
        fault = ("name", "give it a name of at most 100 characters, so that you know it again")
    elif not wanted:
        fault = ("scopes", "choose at least one thing that it may do")
    elif allowed is not None and (beyond := set(wanted) - set(allowed) - {EVERYTHING}):
        fault = ("scopes", f"you do not hold {', '.join(sorted(beyond))} in this space")
    elif days is not None and not 1 <= days <= 3650:
        fault = ("days", "choose between 1 and 3650 days")
    elif len(list_of(session, user_id)) >= MOST_TOKENS:
        fault = ("name", f"you have {MOST_TOKENS} tokens; revoke one that you do not use")
    if fault:
        raise InvalidError(
            "The token was not made.", errors=[{"field": fault[0], "message": fault[1]}]
        )
    secret, now = new_token(), datetime.now(UTC)
    row = ApiToken(
        id=new_id(), user_id=user_id, space_id=space_id, name=name,
        prefix=secret[: len(PREFIX) + 6], secret_hash=digest(secret), scopes=wanted,
        created_at=now, expires_at=now + timedelta(days=days) if days else None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row, secret


class Known(NamedTuple):
    """A valid token with what a request needs of its person, read in one statement."""

    id: UUID
    user_id: UUID
    space_id: UUID
    scopes: list[str]
    expires_at: datetime | None
    last_used_at: datetime | None
    timezone: str
    is_operator: bool
    role: str


#: Asked with every request by token, so it is put together once.
_FIND = (
    select(
        ApiToken.id, ApiToken.user_id, ApiToken.space_id, ApiToken.scopes, ApiToken.expires_at,
        ApiToken.last_used_at, User.timezone, User.is_operator, SpaceMember.role,
    )
    .join(User, User.id == ApiToken.user_id)
    .join(
        SpaceMember,
        (SpaceMember.user_id == ApiToken.user_id) & (SpaceMember.space_id == ApiToken.space_id),
    )
    .where(
        ApiToken.secret_hash == bindparam("secret_hash"),
        ApiToken.revoked_at.is_(None),
        User.disabled_at.is_(None),
        User.deleting_at.is_(None),
    )
)  # fmt: skip


def find(session: Session, secret: str, *, now: datetime | None = None) -> Known | None:
    """Return a valid token.

    None for a token that is unknown, revoked, expired, mistyped (the database is not asked), or
    whose person has left the space or may not come in.
    """
    if not is_well_formed(secret):
        return None
    found = session.execute(_FIND, {"secret_hash": digest(secret)}).one_or_none()
    if found is None:
        return None
    known = Known._make(found)
    if known.expires_at is not None and known.expires_at <= (now or datetime.now(UTC)):
        return None
    return known


def needs_touch(known: Known, *, now: datetime | None = None) -> bool:
    """True if the time of last use is old enough to be written again."""
    last = known.last_used_at
    return last is None or (now or datetime.now(UTC)) - last >= TOUCH_EVERY


def touch(session: Session, token_id: UUID, ip: str = "") -> None:
    """Write when, and from where, it was used."""
    session.execute(
        update(ApiToken)
        .where(ApiToken.id == token_id)
        .values(last_used_at=datetime.now(UTC), last_used_ip=ip[:45])
    )


def list_of(session: Session, user_id: UUID) -> Sequence[ApiToken]:
    """Return a user's tokens that are not revoked, the newest first."""
    return session.scalars(
        select(ApiToken)
        .where(ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None))
        .order_by(ApiToken.created_at.desc())
    ).all()


def spaces_of(session: Session, tokens: Iterable[ApiToken]) -> dict[UUID, str]:
    """Return the names of the spaces that tokens are for. Runs as the system."""
    ids = {each.space_id for each in tokens}
    rows = session.execute(select(Space.id, Space.name).where(Space.id.in_(ids)))
    return {row.id: row.name for row in rows}


def revoke(session: Session, user_id: UUID, token_id: UUID) -> None:
    """End a token at once. NotFoundError if the user has none of that id."""
    row = session.get(ApiToken, token_id)
    if row is None or row.user_id != user_id or row.revoked_at is not None:
        raise NotFoundError("That token is gone already.")
    row.revoked_at = datetime.now(UTC)
