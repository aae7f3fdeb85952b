"""What the edges do with API tokens: a unit of work with the act and its entry in the log."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from starlette.requests import Request

from musekit.auth import journal, tokens
from musekit.auth.models import ApiToken
from musekit.auth.resolve import SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host


def make(
    request: Request,
    host: Host,
    actor: Actor,
    name: str,
    scopes: Iterable[str],
    *,
    days: int | None = None,
) -> tuple[ApiToken, str]:
    """Make a token of the actor for the space they are in; return it with its secret.

    Raises:
        InvalidError: see `tokens.create`.
    """
    assert actor.user_id is not None
    assert actor.space_id is not None
    with host.database.session(SYSTEM) as session:
        row, secret = tokens.create(
            session, actor.user_id, actor.space_id, name, scopes, days=days,
            allowed=actor.permissions,
        )  # fmt: skip
        journal.note(
            session, actor, "token.made", target=("token", row.id), request=request,
            detail={"for_space": actor.space_id},
        )  # fmt: skip
    return row, secret


def revoke(request: Request, host: Host, actor: Actor, token_id: UUID) -> None:
    """End a token of the actor at once. NotFoundError if they have none of that id."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM) as session:
        tokens.revoke(session, actor.user_id, token_id)
        journal.note(session, actor, "token.revoked", target=("token", token_id), request=request)
