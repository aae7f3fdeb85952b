"""Which identities elsewhere are whose: found, linked and unlinked. Runs as the system.

Somebody is known by issuer and subject, never by their address: a provider that claims an address
is not the owner of its account here (D14). Linking is asked for by who is signed in.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from musekit.auth.federation.models import UserIdentity
from musekit.auth.models import User
from musekit.auth.second_factors.models import Passkey
from musekit.errors import ConflictError, NotFoundError
from musekit.kernel.database.types import utc_now
from musekit.kernel.ids import new_id
from musekit.providers import Identity

MOST = 20  #: identities of one person


def find(session: Session, identity: Identity) -> UserIdentity | None:
    """Return the link of an identity, if it is anybody's."""
    return session.scalar(
        select(UserIdentity).where(
            UserIdentity.issuer == identity.issuer, UserIdentity.subject == identity.subject
        )
    )


def note_use(row: UserIdentity, identity: Identity) -> None:
    """Note that somebody came by an identity, and what the provider says of them by now."""
    row.email, row.email_verified = identity.email, identity.email_verified
    row.last_used_at = utc_now()


def link(session: Session, user_id: UUID, provider: str, identity: Identity) -> UserIdentity:
    """Make an identity a way into an account.

    Raises:
        ConflictError: it is one already, of this account or another; or there are too many.
    """
    known = find(session, identity)
    if known is not None:
        raise _taken(mine=known.user_id == user_id)
    if len(list_of(session, user_id)) >= MOST:
        raise ConflictError(f"You have {MOST} of these. Unlink one that you do not use.")
    row = UserIdentity(
        id=new_id(), user_id=user_id, provider=provider, issuer=identity.issuer,
        subject=identity.subject, email=identity.email, email_verified=identity.email_verified,
        organization_id=identity.organization_id, linked_at=utc_now(),
    )  # fmt: skip
    session.add(row)
    try:
        session.flush()
    except IntegrityError:
        raise _taken(mine=False) from None  # another account was faster
    return row


def list_of(session: Session, user_id: UUID) -> Sequence[UserIdentity]:
    """Return a person's identities, the oldest first."""
    return session.scalars(
        select(UserIdentity)
        .where(UserIdentity.user_id == user_id)
        .order_by(UserIdentity.linked_at, UserIdentity.id)
    ).all()


def unlink(
    session: Session, user_id: UUID, identity_id: UUID, *, providers: Collection[str]
) -> UserIdentity:
    """Forget an identity of a person.

    Args:
        providers: keys of those that are set up: an identity of another opens nothing.

    Raises:
        NotFoundError: they have none of that id.
        ConflictError: it is their last way in.
    """
    user = locked(session, user_id)
    row = session.scalar(
        select(UserIdentity).where(UserIdentity.id == identity_id, UserIdentity.user_id == user_id)
    )
    if row is None:
        raise NotFoundError("That is unlinked already.")
    if not has_other_ways(session, user, providers, without=identity_id):
        raise ConflictError(
            "This is your only way in. Set a password or add a passkey first, then unlink it."
        )
    session.delete(row)
    session.flush()
    return row


def locked(session: Session, user_id: UUID) -> User:
    """Return a user whose ways in nobody else takes away until the commit."""
    return session.scalars(select(User).where(User.id == user_id).with_for_update()).one()


def has_other_ways(
    session: Session, user: User, providers: Collection[str], *, without: UUID
) -> bool:
    """Say whether somebody can come in without one of their passkeys or identities.

    An identity of an organization opens that organization alone, so it is no way in.
    """
    if user.password_hash is not None:
        return True
    passkey = select(Passkey.id).where(Passkey.user_id == user.id, Passkey.id != without)
    if session.scalar(passkey.limit(1)) is not None:
        return True
    return any(
        each.id != without and each.provider in providers and each.organization_id is None
        for each in list_of(session, user.id)
    )


def _taken(*, mine: bool) -> ConflictError:
    if mine:
        return ConflictError("You can come in by this already.")
    return ConflictError(
        "This is a way into another account here. Nothing was changed. Sign in to that one to"
        " unlink it, or choose another at the provider."
    )
