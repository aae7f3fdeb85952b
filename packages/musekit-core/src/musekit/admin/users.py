"""People, as the operator sees them: who they are and when they came, nothing of their work."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from musekit.auth.federation.models import UserIdentity
from musekit.auth.models import ApiToken, User, UserSession
from musekit.auth.second_factors.models import Passkey, UserTotp
from musekit.errors import NotFoundError
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.listing import Listed, counted, holding, newest_first

State = Literal["all", "operators", "unconfirmed", "closed"]
_STATES: dict[str, ColumnElement[bool]] = {
    "operators": User.is_operator.is_(True),
    "unconfirmed": User.email_verified_at.is_(None),
    "closed": or_(User.disabled_at.is_not(None), User.deleting_at.is_not(None)),
}


class WaysIn(NamedTuple):
    """How somebody comes in, as counts: what they are called is the person's own affair."""

    sessions: int
    tokens: int
    totp: bool
    passkeys: int
    providers: tuple[str, ...]  #: keys of the identity providers that know them


def page(
    session: Session, host: Host, *, search: str = "", state: State = "all", after: str = ""
) -> Listed[User]:
    """Return users whose address or name holds a text, the newest first. Runs as the system."""
    return newest_first(
        session, host, select(User).where(*_filters(search, state)), User.created_at, User.id,
        after=after,
    )  # fmt: skip


def count(session: Session, *, search: str = "", state: State = "all") -> str:
    """Return how many those are, in words where there are very many."""
    return counted(session, select(User.id).where(*_filters(search, state)))


def one(session: Session, user_id: UUID) -> User:
    """Return a user; NotFoundError if there is none."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFoundError("There is no such user.")
    return user


def ways_in(session: Session, user_id: UUID) -> WaysIn:
    """Return how a user comes in."""
    now = utc_now()
    of = {model: model.user_id == user_id for model in (UserSession, ApiToken, UserTotp, Passkey)}
    live = or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now)
    providers = (
        select(UserIdentity.provider)
        .where(UserIdentity.user_id == user_id)
        .distinct()
        .order_by(UserIdentity.provider)
    )
    return WaysIn(
        sessions=_number(session, of[UserSession], UserSession.expires_at > now),
        tokens=_number(session, of[ApiToken], ApiToken.revoked_at.is_(None), live),
        totp=_number(session, of[UserTotp], UserTotp.confirmed_at.is_not(None)) > 0,
        passkeys=_number(session, of[Passkey]),
        providers=tuple(session.scalars(providers)),
    )


def addresses(session: Session, ids: set[UUID]) -> dict[UUID, str]:
    """Return the address of each user of some ids; those that are gone are left out."""
    if not ids:
        return {}
    rows = session.execute(select(User.id, User.email).where(User.id.in_(ids)))
    return {row.id: row.email for row in rows}


def _number(session: Session, *conditions: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).where(*conditions)) or 0


def _filters(search: str, state: State) -> list[Any]:
    found: list[Any] = [_STATES[state]] if state in _STATES else []
    return found + holding(search, User.email_key, User.name)
