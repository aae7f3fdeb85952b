"""Sign-ins on their way: the request that was sent, and the one-time code of its answer."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from musekit.api import db_now
from musekit_auth_saml.claims import Claims
from musekit_auth_saml.errors import UnprovenError
from musekit_auth_saml.models import SamlFlow, SamlReplay


def begin(
    session: Session, flow_id: UUID, connection_id: UUID, *, return_to: str, minutes: int
) -> str:
    """Note that a request is sent; return its id, which nobody can guess."""
    now, request_id = datetime.now(UTC), f"_{secrets.token_hex(20)}"
    session.add(
        SamlFlow(
            flow_id=flow_id, connection_id=connection_id, request_id=request_id,
            return_to=return_to, created_at=now, expires_at=now + timedelta(minutes=minutes),
        )
    )  # fmt: skip
    return request_id


def is_open(session: Session, connection_id: UUID, request_id: str) -> bool:
    """Say whether a connection waits for the answer to a request."""
    found = session.scalar(
        select(SamlFlow.flow_id).where(
            SamlFlow.connection_id == connection_id, SamlFlow.request_id == request_id,
            SamlFlow.code_hash.is_(None), SamlFlow.expires_at > db_now(),
        )
    )  # fmt: skip
    return found is not None


def answer(
    session: Session, connection_id: UUID, request_id: str, claims: Claims,
    identity: dict[str, Any],
) -> tuple[str, str]:  # fmt: skip
    """Store who it is; return where to go, and the code to bring along. Once per request.

    Raises:
        UnprovenError: the request is answered already, or the assertion was taken before.
    """
    code = secrets.token_urlsafe(32)
    return_to = session.scalar(
        update(SamlFlow)
        .where(
            SamlFlow.connection_id == connection_id, SamlFlow.request_id == request_id,
            SamlFlow.code_hash.is_(None), SamlFlow.expires_at > db_now(),
        )
        .values(code_hash=_digest(code), identity=identity)
        .returning(SamlFlow.return_to)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    if return_to is None:
        raise UnprovenError("it answers a sign-in that is over")
    seen = SamlReplay(
        assertion_hash=_digest(f"{connection_id} {claims.assertion_id}"),
        expires_at=claims.good_until,
    )
    session.add(seen)
    try:
        session.flush()
    except IntegrityError:
        raise UnprovenError("it was used before") from None
    return return_to, code


def take(session: Session, flow_id: UUID, code: str) -> dict[str, Any]:
    """Return who it is, once.

    Raises:
        UnprovenError: the code is not that of this browser's flow, or it was taken before.
    """
    found: dict[str, Any] | None = session.scalar(
        delete(SamlFlow)
        .where(
            SamlFlow.flow_id == flow_id, SamlFlow.code_hash == _digest(code),
            SamlFlow.expires_at > db_now(),
        )
        .returning(SamlFlow.identity)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    if found is None:
        raise UnprovenError("it belongs to another sign-in, or to one that is over")
    return found


def sweep(session: Session) -> None:
    """Delete what is over."""
    now = datetime.now(UTC)
    session.execute(delete(SamlFlow).where(SamlFlow.expires_at <= now))
    session.execute(delete(SamlReplay).where(SamlReplay.expires_at <= now))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
