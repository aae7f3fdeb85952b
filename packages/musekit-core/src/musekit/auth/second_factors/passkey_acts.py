"""What the edges do with passkeys: a unit of work with the act, its mail and its audit entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.requests import Request

from musekit.auth import entry, journal, sessions, sign_in_log
from musekit.auth.models import User
from musekit.auth.resolve import SYSTEM
from musekit.auth.second_factors import passkey_proofs as proofs
from musekit.auth.second_factors import passkeys, service
from musekit.auth.second_factors.models import Passkey
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.ratelimit import keys
from musekit.kernel.web.cookies import get_cookie
from musekit.spaces import service as spaces


def come_in(request: Request, host: Host, credential: Mapping[str, Any]) -> entry.Entry:
    """Start the session of who shows a passkey: it proves all that is asked; an edge.

    Raises:
        PasskeyRefusedError: see `proofs.verify`.
        ForbiddenError: nobody may come in as this user.
    """
    import webauthn  # noqa: F401 - takes half a second, which is no time for a unit of work

    cookie = get_cookie(request, host.settings, proofs.COOKIE)
    with host.database.session(SYSTEM) as session:
        user = proofs.verify(session, host, cookie, credential)
        home = spaces.personal_space_id(session, user.id)
        return entry.start(request, host, session, user, home, methods=["passkey"])


def confirm(
    request: Request, host: Host, actor: Actor, credential: Mapping[str, Any]
) -> entry.Entry:
    """Take a passkey as a fresh proof of who is signed in; their session gets a new secret.

    An edge. No code is asked for beside it, as at sign-in.

    Raises:
        NotConfirmedError: see `proofs.demand`.
        NotFoundError: the session has been ended meanwhile.
    """
    import webauthn  # noqa: F401 - as above

    assert actor.user_id is not None
    assert actor.session_id is not None
    try:
        with host.database.session(SYSTEM) as session:
            proofs.demand(session, host, actor.user_id, actor.session_id, credential)
            user = session.get_one(User, actor.user_id)
            row, secret = sessions.renew(session, actor.session_id, methods=["passkey"])
            return entry.Entry(user, row.space_id, secret, row.csrf_token)
    except proofs.NotConfirmedError:
        with host.database.session(SYSTEM) as session:  # so that what was tried stays written down
            sign_in_log.failed(session, request, actor.user_id, "passkey")
        raise


def add(
    request: Request, host: Host, actor: Actor, name: str, credential: Mapping[str, Any]
) -> Passkey:
    """Keep a passkey that the person's browser has made; an edge.

    Raises:
        InvalidError: see `passkeys.add`.
    """
    import webauthn  # noqa: F401 - as above

    assert actor.session_id is not None
    with host.database.session(SYSTEM) as session:
        user = session.get_one(User, actor.user_id)
        made = passkeys.add(session, host, user, actor.session_id, name=name, credential=credential)
        service.tell(session, host, user, "passkey.added", ip=keys.address_of(request))
        journal.note(session, actor, "passkey.added", target=("passkey", made.id), request=request)
    return made


def rename(request: Request, host: Host, actor: Actor, passkey_id: UUID, name: str) -> Passkey:
    """Call a passkey otherwise; an edge.

    Raises:
        InvalidError, NotFoundError: see `passkeys.rename`.
    """
    assert actor.user_id is not None
    with host.database.session(SYSTEM) as session:
        row = passkeys.rename(session, actor.user_id, passkey_id, name)
        journal.note(
            session, actor, "passkey.renamed", target=("passkey", passkey_id), request=request
        )
    return row


def remove(request: Request, host: Host, actor: Actor, passkey_id: UUID) -> None:
    """Forget a passkey; an edge.

    Raises:
        NotFoundError, ConflictError: see `passkeys.remove`.
    """
    assert actor.user_id is not None
    with host.database.session(SYSTEM) as session:
        passkeys.remove(
            session, actor.user_id, passkey_id, providers=host.registry.identity_providers
        )
        user = session.get_one(User, actor.user_id)
        service.tell(session, host, user, "passkey.removed", ip=keys.address_of(request))
        journal.note(
            session, actor, "passkey.removed", target=("passkey", passkey_id), request=request
        )
