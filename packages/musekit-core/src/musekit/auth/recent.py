"""Proving again who one is, before a dangerous act."""

from __future__ import annotations

from starlette.requests import Request

from musekit.auth import passwords, sessions, sign_in_log
from musekit.auth.entry import Entry, WrongCredentialsError
from musekit.auth.models import User
from musekit.auth.resolve import SYSTEM
from musekit.auth.second_factors import service as factors
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.ratelimit import keys
from musekit.kernel.ratelimit.policies import SIGN_IN_PAIR


def by_password(request: Request, host: Host, actor: Actor, password: str, code: str = "") -> Entry:
    """Check the password of who is signed in, and give their session another secret; an edge.

    Args:
        code: of their second factor: whoever has found out the password alone cannot turn it off.

    Raises:
        WrongCredentialsError: it is another password or code, or the person has no password.
        LimitReachedError: too many tries.
        NotFoundError: the session has been ended meanwhile.
    """
    assert actor.user_id is not None
    assert actor.session_id is not None
    address = keys.address_of(request)
    host.limits.hit(SIGN_IN_PAIR, f"{address}:{actor.user_id}")
    with host.database.session(SYSTEM, readonly=True) as session:
        user = session.get_one(User, actor.user_id)
        asked = factors.is_asked(session, user.id, ["password"])
    right = passwords.verify(password, user.password_hash)
    methods = ["password"]
    if asked and right:
        factors.count_try(host, user.id)
    with host.database.session(SYSTEM) as session:
        # The code is not looked at before the password: it would tell which of them is wrong.
        coded = asked and right
        if coded:
            way = factors.take(session, host, user.id, code)
            right = way is not None
            methods += [way] if way else []
        if not right:
            sign_in_log.failed(session, request, user.id, "code" if coded else "password")
            made = None
        else:
            row, secret = sessions.renew(session, actor.session_id, methods=methods)
            made = Entry(user, row.space_id, secret, row.csrf_token)
    if made is None:  # raised here, so that what was tried stays written down
        raise WrongCredentialsError(_wrong(asked=asked))
    host.limits.forget(SIGN_IN_PAIR, f"{address}:{actor.user_id}")
    factors.forget_tries(host, user.id)
    return made


def _wrong(*, asked: bool) -> str:
    if asked:
        return "The password or the code is wrong. Try again, with the code that comes next."
    return "That is not your password. Try again."
