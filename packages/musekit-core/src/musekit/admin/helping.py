"""Helping somebody to get in, or out: mails they could have asked for themselves, and signing out.

No link is ever shown to the operator: it goes to the person's mailbox.
"""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request

from musekit.admin import users
from musekit.admin.rules import SYSTEM
from musekit.audit import service as audit
from musekit.auth import reset, sessions, verification
from musekit.email.service import JOB
from musekit.errors import ConflictError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host


def mail_reset_link(request: Request, host: Host, actor: Actor, user_id: UUID) -> None:
    """Mail a person the link to choose a new password; an edge.

    Raises:
        NotFoundError: there is no such user.
        ConflictError: nobody may come in as them.
        LimitReachedError: their mailbox got many of these lately.
    """
    with host.database.session(SYSTEM, readonly=True) as session:
        user = users.one(session, user_id)
    if user.disabled_at is not None or user.deleting_at is not None:
        raise ConflictError("This account is closed. Open it first.")
    reset.ask(host, user.email)
    with host.database.session(SYSTEM) as session:
        audit.record(
            session, actor, "user.reset_mailed", target=("user", user_id), request=request
        )  # fmt: skip


def mail_confirmation(request: Request, host: Host, actor: Actor, user_id: UUID) -> None:
    """Mail a person the link that confirms their address; an edge.

    Raises:
        NotFoundError: there is no such user.
        ConflictError: it is confirmed already.
    """
    with host.database.session(SYSTEM) as session:
        if users.one(session, user_id).email_verified_at is not None:
            raise ConflictError("The address is confirmed already.")
        verification.send(session, host, user_id)
        audit.record(
            session, actor, "user.confirmation_mailed", target=("user", user_id), request=request
        )
    host.broker.enqueue(JOB)


def sign_out(request: Request, host: Host, actor: Actor, user_id: UUID) -> int:
    """Sign all browsers of a person out; return how many. API tokens stay. An edge.

    Raises:
        NotFoundError: there is no such user.
        ConflictError: it is oneself, who has a page for it.
    """
    if actor.user_id == user_id:
        raise ConflictError("Sign yourself out on the page of your own sessions.")
    with host.database.session(SYSTEM) as session:
        users.one(session, user_id)
        ended = sessions.revoke_others(session, user_id, None)
        audit.record(
            session, actor, "user.signed_out", target=("user", user_id), request=request,
            detail={"browsers": ended},
        )  # fmt: skip
    return ended
