"""Closing somebody's account, and opening it again: nothing of theirs is deleted.

What it does is `musekit.auth.closing`, the same from these pages and from the command line: API
tokens are refused while the account is closed, and not revoked. A refusal holds at once and for
every token, also for one that is made by a request under way, because it is asked of the person
with each use; a revoked token would stay dead after a mistaken closing, and the programs that use
it with it. Where a token may have got into wrong hands, it is the person's to revoke, or all go
with a new password.
"""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request

from musekit.admin import users
from musekit.admin.rules import SYSTEM
from musekit.auth import closing
from musekit.errors import InvalidError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host

LONGEST_REASON = 300


def close(request: Request, host: Host, actor: Actor, user_id: UUID, reason: str) -> None:
    """Let nobody come in as a user; an edge.

    Args:
        reason: for the audit log.

    Raises:
        NotFoundError: there is no such user.
        InvalidError: there is no reason, or it is too long.
        ConflictError: it is oneself, or the only operator.
    """
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= LONGEST_REASON or not reason.isprintable():
        message = f"say why, in at most {LONGEST_REASON} plain characters"
        raise InvalidError("Nothing was closed.", errors=[{"field": "close", "message": message}])
    with host.database.session(SYSTEM) as session:
        users.one(session, user_id)
        closing.disable(session, actor, user_id, reason=reason, request=request)


def reopen(request: Request, host: Host, actor: Actor, user_id: UUID) -> None:
    """Let the person come in again; an edge.

    Raises:
        NotFoundError: there is no such user.
        ConflictError: the account is being deleted.
    """
    with host.database.session(SYSTEM) as session:
        users.one(session, user_id)
        closing.enable(session, actor, user_id, request=request)
