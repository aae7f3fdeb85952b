"""Recovery codes: ten of 80 random bits, each good once, for the day the phone is lost."""

from __future__ import annotations

import base64
import secrets
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from musekit.auth.second_factors.models import RecoveryCode
from musekit.auth.secrets import digest
from musekit.kernel.database.types import utc_now
from musekit.kernel.ids import new_id

HOW_MANY = 10
_BYTES = 10
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


def make(session: Session, user_id: UUID) -> list[str]:
    """Make new codes and return them, this once; the ones before are worth nothing.

    Runs as the system.
    """
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    made = [base64.b32encode(secrets.token_bytes(_BYTES)).decode() for _ in range(HOW_MANY)]
    session.add_all(
        RecoveryCode(id=new_id(), user_id=user_id, code_hash=digest(code)) for code in made
    )
    session.flush()
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in made]


def take(session: Session, user_id: UUID, code: str) -> bool:
    """Say whether a code is good, and use it up. Runs as the system."""
    plain = code.upper().replace("-", "").replace(" ", "")
    if len(plain) != _BYTES * 8 // 5 or not _LETTERS.issuperset(plain):
        return False
    taken = session.scalar(
        update(RecoveryCode)
        .where(
            RecoveryCode.user_id == user_id, RecoveryCode.code_hash == digest(plain),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=utc_now())
        .returning(RecoveryCode.id)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    return taken is not None


def left(session: Session, user_id: UUID) -> int:
    """Return how many are good. Runs as the system."""
    return session.scalar(
        select(func.count())
        .select_from(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    ) or 0  # fmt: skip


def drop(session: Session, user_id: UUID) -> None:
    """Delete all. Runs as the system."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
