"""Sign-ins in the audit log: those that were, and those that were tried.

The person reads them under “Activity”, the operator among all else. A try with an address that
nobody has is written down as well, without the address: it must cost what others cost, or its time
would tell who has an account.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.audit import service as audit
from musekit.kernel.actors import Actor

SIGNED_IN, FAILED = "user.signed_in", "user.sign_in_failed"
_NOBODY = Actor.system("sign-in")


def came_in(session: Session, request: Request, user_id: UUID, methods: Sequence[str]) -> None:
    """Write down that somebody has signed in. Runs as the system.

    Args:
        methods: how they have proven who they are.
    """
    actor = Actor(kind="user", name=f"user:{user_id}", user_id=user_id)
    audit.record(
        session, actor, SIGNED_IN, target=("user", user_id), request=request,
        detail={"by": ", ".join(methods)},
    )  # fmt: skip


def failed(session: Session, request: Request, user_id: UUID | None, way: str) -> None:
    """Write down a try that failed; commit it before the refusal is raised. Runs as the system.

    Args:
        user_id: as whom; None: the address is nobody's.
        way: what was wrong: ``password``, ``code`` or ``passkey``.
    """
    audit.record(
        session, _NOBODY, FAILED, target=("user", user_id or ""), request=request,
        detail={"wrong": way},
    )  # fmt: skip
