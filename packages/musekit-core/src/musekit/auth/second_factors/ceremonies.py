"""What every WebAuthn ceremony needs: where passkeys are possible, and its challenge.

The random challenge of each ceremony is kept by its hash, good once, for minutes, and only for the
browser that began it.
"""

from __future__ import annotations

import ipaddress
import secrets
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from musekit.auth.federation.models import SignInFlow
from musekit.auth.secrets import digest
from musekit.errors import ConflictError
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id

LASTS = timedelta(minutes=5)
Kind = Literal["passkey", "passkey_new"]
Purpose = Literal["sign_in", "reauth"]


def is_possible(host: Host) -> bool:
    """Say whether browsers offer passkeys at our address: by https, or on ``localhost`` by name."""
    parts = urlsplit(host.settings.public_url)
    name = parts.hostname or ""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(name) and (parts.scheme == "https" or name == "localhost")
    return False


def demand_possible(host: Host) -> None:
    """Raise ConflictError where browsers offer no passkeys."""
    if not is_possible(host):
        raise ConflictError(
            "Browsers allow passkeys by https, and on this machine at http://localhost."
            f" This deployment's address is {host.settings.public_url}."
        )


def begin(
    session: Session,
    kind: Kind,
    *,
    purpose: Purpose = "sign_in",
    browser: bytes = b"",
    user_id: UUID | None = None,
    session_id: UUID | None = None,
) -> bytes:
    """Note a ceremony; return its challenge. Runs as the system.

    Args:
        browser: digest of the cookie of who is not signed in.
        user_id: who is signed in.
        session_id: theirs.
    """
    challenge, now = secrets.token_bytes(32), utc_now()
    session.add(
        SignInFlow(
            id=new_id(), kind=kind, state_hash=_hash(challenge), browser_hash=browser or bytes(32),
            user_id=user_id, session_id=session_id, purpose=purpose, created_at=now,
            expires_at=now + LASTS,
        )
    )  # fmt: skip
    session.flush()
    return challenge


def take(
    session: Session, kind: Kind, challenge: bytes, *, purpose: Purpose = "sign_in"
) -> SignInFlow | None:
    """Return the flow of a challenge, which is good this once. Runs as the system."""
    return session.scalar(
        update(SignInFlow)
        .where(
            SignInFlow.state_hash == _hash(challenge), SignInFlow.kind == kind,
            SignInFlow.purpose == purpose, SignInFlow.used_at.is_(None),
            SignInFlow.expires_at > utc_now(),
        )
        .values(used_at=utc_now())
        .returning(SignInFlow)
        .execution_options(synchronize_session=False)
    )  # fmt: skip


def rp_id(host: Host) -> str:
    """Return the name that passkeys are bound to."""
    return urlsplit(host.settings.public_url).hostname or ""


def origin(host: Host) -> str:
    """Return the one origin whose pages may ask for passkeys."""
    parts = urlsplit(host.settings.public_url)
    return f"{parts.scheme}://{parts.netloc}"


def site(host: Host) -> str:
    """Return what browsers and devices call us."""
    products = host.registry.products
    return products[0].name if products else "MuseKit"


def _hash(challenge: bytes) -> bytes:
    return digest(challenge.hex())
