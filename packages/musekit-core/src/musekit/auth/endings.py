"""Ending every way into an account that was opened before now."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import CursorResult, delete, update
from sqlalchemy.orm import Session

from musekit.auth import impersonation_ends
from musekit.auth.federation.models import UserIdentity
from musekit.auth.models import ApiToken, UserSession
from musekit.auth.second_factors.models import Passkey, RecoveryCode, UserTotp
from musekit.kernel.database.types import utc_now


class Ended(NamedTuple):
    """How many browsers were signed out, and how many API tokens revoked."""

    sessions: int
    tokens: int


def end_everything(session: Session, user_id: UUID, *, proofs: bool = False) -> Ended:
    """Sign all browsers of a user out and revoke all their API tokens. Runs as the system.

    Args:
        proofs: forget their passkeys, codes and identities elsewhere as well: until the address
            was proven, somebody else may have put them there to come back by.
    """
    if proofs:
        for model in (Passkey, RecoveryCode, UserTotp, UserIdentity):
            session.execute(delete(model).where(model.user_id == user_id))
    out = end_sessions(session, user_id)
    revoked = session.execute(
        update(ApiToken)
        .where(ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=utc_now())
        .execution_options(synchronize_session=False)
    )
    assert isinstance(revoked, CursorResult)
    return Ended(out, revoked.rowcount)


def end_sessions(session: Session, user_id: UUID) -> int:
    """Sign all browsers of a user out; return how many. Runs as the system."""
    theirs = UserSession.user_id == user_id
    impersonation_ends.before(session, theirs, how="signed out elsewhere")
    out = session.execute(delete(UserSession).where(theirs))
    assert isinstance(out, CursorResult)
    return out.rowcount
