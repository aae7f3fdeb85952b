"""Codes of authenticator apps (TOTP, RFC 6238): six digits that change every 30 seconds."""

from __future__ import annotations

import hmac
import time
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from musekit.auth.models import User
from musekit.auth.second_factors.models import UserTotp
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host

STEP = 30  #: seconds that a code lasts
#: Steps to either side that are taken as well: clocks differ, and typing takes its time.
SKEW = 1


def is_on(session: Session, user_id: UUID) -> bool:
    """True if a person is asked for codes. Runs as the system."""
    row = session.get(UserTotp, user_id)
    return row is not None and row.confirmed_at is not None


def offered(session: Session, host: Host, user: User) -> str:
    """Return the secret that a person may put into their app; it counts once it is confirmed.

    The same one as long as it is not confirmed, so that a page that is loaded again shows what the
    app has already. Runs as the system.
    """
    import pyotp

    row = session.get(UserTotp, user.id)
    if row is None:
        # Two pages that open at once show the same.
        insert: Any = postgresql.insert if host.database.is_postgres else sqlite.insert
        sealed = _seal(host, user.id, pyotp.random_base32())
        session.execute(
            insert(UserTotp)
            .values(
                user_id=user.id, secret_encrypted=sealed, last_counter=0, created_at=utc_now()
            )
            .on_conflict_do_nothing()
        )  # fmt: skip
        row = session.get_one(UserTotp, user.id)
    return secret_of(host, row)


def uri(host: Host, secret: str, email: str) -> str:
    """Return what apps read from the picture (``otpauth://…``); they list it under our name."""
    import pyotp

    products = host.registry.products
    site = products[0].name if products else "MuseKit"
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=site)


def picture(text: str) -> str:
    """Return a QR code as the address of an image (``data:image/svg+xml…``)."""
    import segno

    return segno.make(text, error="m").svg_data_uri(scale=5, border=2, dark="#111", light="#fff")


def take(
    session: Session, host: Host, user_id: UUID, code: str, *, now: float | None = None
) -> bool:
    """Say whether a code is good, and let it be good this once. Runs as the system.

    Of several at the same moment with the same code, one gets True: the step is written only if it
    is later than the last. So a code that somebody has looked at over a shoulder is worth nothing.
    """
    row = session.get(UserTotp, user_id)
    if row is None or len(code) != 6 or not (code.isascii() and code.isdigit()):
        return False
    step = _step_of(secret_of(host, row), code, int(now if now is not None else time.time()))
    if step is None:
        return False
    taken = session.scalar(
        update(UserTotp)
        .where(UserTotp.user_id == user_id, UserTotp.last_counter < step)
        .values(last_counter=step)
        .returning(UserTotp.user_id)
        .execution_options(synchronize_session=False)
    )
    return taken is not None


def confirm(session: Session, user_id: UUID) -> None:
    """Ask for codes from now on. Runs as the system."""
    session.get_one(UserTotp, user_id).confirmed_at = utc_now()


def secret_of(host: Host, row: UserTotp) -> str:
    """Return the secret of a row."""
    return host.keyring.decrypt(
        row.secret_encrypted, table="user_totp", column="secret_encrypted", row=row.user_id,
        space=row.user_id,
    )  # fmt: skip


def _seal(host: Host, user_id: UUID, secret: str) -> str:
    return host.keyring.encrypt(
        secret, table="user_totp", column="secret_encrypted", row=user_id, space=user_id
    )


def _step_of(secret: str, code: str, now: int) -> int | None:
    """Return the step whose code it is; each is compared, so that the time tells nothing."""
    import pyotp

    clock, found = pyotp.HOTP(secret), None
    for step in range(now // STEP - SKEW, now // STEP + SKEW + 1):
        if hmac.compare_digest(clock.at(step), code):
            found = step
    return found
