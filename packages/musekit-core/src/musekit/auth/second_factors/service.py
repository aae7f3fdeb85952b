"""Second factors of a person: what they have, and turning it on and off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.auth import endings, journal, sessions
from musekit.auth.models import User, UserSession
from musekit.auth.resolve import SYSTEM
from musekit.auth.second_factors import recovery, totp
from musekit.auth.second_factors.models import STRONG, Passkey, UserTotp
from musekit.email import service as email
from musekit.errors import ConflictError, InvalidError, NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ratelimit import keys
from musekit.kernel.ratelimit.policies import SIGN_IN_PAIR


class Factors(NamedTuple):
    """What a person is asked for beside their password."""

    totp: bool
    recovery_codes: int  #: how many are left


class Changed(NamedTuple):
    """What came of a change: the browser's session has another secret."""

    codes: list[str]  #: new recovery codes, to be shown this once
    row: UserSession
    secret: str
    user: User


def of(session: Session, user_id: UUID) -> Factors:
    """Return what a person has. Runs as the system."""
    return Factors(totp.is_on(session, user_id), recovery.left(session, user_id))


def is_asked(session: Session, user_id: UUID, methods: Sequence[str]) -> bool:
    """Say whether somebody who has proven this much is asked for more. Runs as the system."""
    return not STRONG.intersection(methods) and totp.is_on(session, user_id)


def take(session: Session, host: Host, user_id: UUID, code: str) -> str | None:
    """Return by which factor a code is good, and use it up; None if it is not.

    Runs as the system.
    """
    plain = code.strip().replace(" ", "")
    if plain.isdigit():
        return "totp" if totp.take(session, host, user_id, plain) else None
    return "recovery" if recovery.take(session, user_id, plain) else None


def count_try(host: Host, user_id: UUID) -> None:
    """Count a try of a code, from wherever and however often one begins anew.

    Raises:
        LimitReachedError: too many.
    """
    host.limits.hit(SIGN_IN_PAIR, _counter(user_id))


def forget_tries(host: Host, user_id: UUID) -> None:
    """A good code was given."""
    host.limits.forget(SIGN_IN_PAIR, _counter(user_id))


def turn_on(request: Request, host: Host, actor: Actor, code: str) -> Changed:
    """Ask for codes of the app from now on, proven by one; an edge.

    Browsers that came in without are signed out.

    Raises:
        InvalidError: the code is wrong.
        ConflictError: it is on.
        LimitReachedError: too many tries.
    """
    user_id = _id(actor)
    count_try(host, user_id)
    with host.database.session(SYSTEM) as session:
        if totp.is_on(session, user_id):
            raise ConflictError("Your authenticator app is asked for already.")
        if not totp.take(session, host, user_id, code.strip().replace(" ", "")):
            raise _wrong()
        totp.confirm(session, user_id)
        codes = recovery.make(session, user_id)
        changed = _renewed(session, actor, codes, methods=["totp"])
        _note(request, host, session, actor, "totp.enabled")
    forget_tries(host, user_id)
    return changed


def turn_off(request: Request, host: Host, actor: Actor) -> Changed:
    """Ask for no codes any more; an edge. Other browsers are signed out.

    Raises:
        NotFoundError: it is off.
    """
    user_id = _id(actor)
    with host.database.session(SYSTEM) as session:
        if not totp.is_on(session, user_id):
            raise NotFoundError("No authenticator app is asked for.")
        drop(session, user_id)
        _note(request, host, session, actor, "totp.disabled")
        changed = _renewed(session, actor, [])
        # What it was proven by is no more: it must not open what asks for a second factor.
        left = [each for each in changed.row.methods or () if each not in ("totp", "recovery")]
        changed.row.methods = left
        return changed


def new_codes(request: Request, host: Host, actor: Actor) -> Changed:
    """Make new recovery codes in place of the old ones; an edge.

    Raises:
        NotFoundError: there is no authenticator app that they could stand in for.
    """
    user_id = _id(actor)
    with host.database.session(SYSTEM) as session:
        if not totp.is_on(session, user_id):
            raise NotFoundError("Set up an authenticator app first.")
        codes = recovery.make(session, user_id)
        _note(request, host, session, actor, "recovery_codes.made")
        return _renewed(session, actor, codes)


def drop(session: Session, user_id: UUID) -> None:
    """Delete the app's secret and the recovery codes. Runs as the system."""
    session.execute(delete(UserTotp).where(UserTotp.user_id == user_id))
    recovery.drop(session, user_id)


def let_back_in(session: Session, host: Host, actor: Actor, user_id: UUID) -> None:
    """Ask a person who has lost all their factors for the password alone. Runs as the system.

    It is for who runs the deployment, and has made sure who asks. Browsers are signed out.
    """
    user = session.get_one(User, user_id)
    endings.end_sessions(session, user_id)
    drop(session, user_id)
    session.execute(delete(Passkey).where(Passkey.user_id == user_id))
    tell(session, host, user, "factors.dropped", ip="")
    journal.note(session, actor, "factors.dropped", target=("user", user_id))


def tell(session: Session, host: Host, user: User, what: str, *, ip: str, left: int = 0) -> None:
    """Mail a person what has changed.

    Args:
        what: an action of the audit log.
        left: recovery codes that are left, where one was used.
    """
    email.queue(
        session, host, "factors-changed", to=user,
        context={
            "what": what, "at": utc_now(), "zone": user.zone, "ip": ip, "left": left,
            "url": f"{host.settings.public_url.rstrip('/')}/account/security",
        },
    )  # fmt: skip


def _note(request: Request, host: Host, session: Session, actor: Actor, what: str) -> None:
    user = session.get_one(User, actor.user_id)
    tell(session, host, user, what, ip=keys.address_of(request))
    journal.note(session, actor, what, target=("user", user.id), request=request)


def _renewed(
    session: Session, actor: Actor, codes: list[str], *, methods: Sequence[str] = ()
) -> Changed:
    """Sign other browsers out, and give this one's session another secret."""
    assert actor.session_id is not None
    user = session.get_one(User, actor.user_id)
    sessions.revoke_others(session, user.id, actor.session_id)
    row, secret = sessions.renew(session, actor.session_id, methods=methods)
    return Changed(codes, row, secret, user)


def _wrong() -> InvalidError:
    return InvalidError(
        "This is not the code of the app. Nothing was changed.",
        errors=[{"field": "code", "message": "is not the code that the app shows now"}],
    )


def _counter(user_id: UUID) -> str:
    return f"code:{user_id}"


def _id(actor: Actor) -> UUID:
    assert actor.user_id is not None
    return actor.user_id
