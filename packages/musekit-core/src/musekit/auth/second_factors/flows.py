"""Half-way in: somebody has given their password, and is asked for a code.

The browser holds a secret of its own for that, which opens nothing; its session begins with the
code. After five wrong ones the flow is over and the password is asked for again.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from musekit.auth.federation.models import SignInFlow
from musekit.auth.secrets import digest
from musekit.errors import MuseKitError
from musekit.kernel.database.types import utc_now
from musekit.kernel.ids import new_id

COOKIE = "flow"
LASTS = timedelta(minutes=10)
MOST_TRIES = 5
_KIND = "second_factor"


class FlowOverError(MuseKitError):
    """There is no sign-in half-way in this browser, or not any more."""

    status, code, title = 410, "sign-in-over", "Sign in again"


def begin(
    session: Session,
    user_id: UUID,
    methods: Sequence[str],
    goal: str,
    *,
    session_id: UUID | None = None,
) -> str:
    """Note that somebody is half-way in; return the secret for their browser.

    Args:
        methods: what they have proven so far.
        goal: the page they want to be on.
        session_id: of who is in already, and proves again who they are.
    """
    secret, now = secrets.token_urlsafe(32), utc_now()
    session.add(
        SignInFlow(
            id=new_id(), kind=_KIND, state_hash=digest(secret), browser_hash=digest(secret),
            user_id=user_id, session_id=session_id, provider=" ".join(methods),
            purpose="reauth" if session_id else "sign_in", next=goal, created_at=now,
            expires_at=now + LASTS,
        )
    )  # fmt: skip
    session.flush()
    return secret


def find(session: Session, secret: str) -> SignInFlow | None:
    """Return the flow of a browser if it goes on."""
    return session.scalar(select(SignInFlow).where(*_open(secret))) if secret else None


def count_try(session: Session, secret: str) -> SignInFlow:
    """Count a try before the code is looked at; commit it, whatever comes of the code.

    Raises:
        FlowOverError: it was tried too often, takes too long, or is not of this browser.
    """
    found = session.scalar(
        update(SignInFlow)
        .where(*_open(secret))
        .values(attempts=SignInFlow.attempts + 1)
        .returning(SignInFlow)
        .execution_options(synchronize_session=False)
    )
    if found is None:
        raise over()
    return found


def finish(session: Session, flow_id: UUID) -> None:
    """End a flow with a session; of several at once one does. FlowOverError for the others."""
    ended = session.scalar(
        update(SignInFlow)
        .where(SignInFlow.id == flow_id, SignInFlow.used_at.is_(None))
        .values(used_at=utc_now())
        .returning(SignInFlow.id)
        .execution_options(synchronize_session=False)
    )
    if ended is None:
        raise over()


def over() -> FlowOverError:
    """Return the error for a flow that does not go on."""
    return FlowOverError("This took too long, or too many tries. Start again with your password.")


def _open(secret: str) -> tuple[Any, ...]:
    return (
        SignInFlow.state_hash == digest(secret), SignInFlow.kind == _KIND,
        SignInFlow.used_at.is_(None), SignInFlow.expires_at > utc_now(),
        SignInFlow.attempts < MOST_TRIES,
    )  # fmt: skip
