"""A new password, chosen by who is signed in. Whoever came in by the old one is out."""

from __future__ import annotations

from starlette.requests import Request

from musekit.auth import accounts, entry, journal, known_browsers, links, passwords, sessions
from musekit.auth.models import User
from musekit.auth.resolve import SYSTEM
from musekit.email import service as email
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ratelimit import keys


def change_password(request: Request, host: Host, actor: Actor, password: str) -> entry.Entry:
    """Set another password, and sign out all other browsers; an edge.

    The browser that asks stays signed in, under another secret: whoever has a copy of its cookie
    is out as well. Links for a new password or address that are under way lead nowhere.

    Raises:
        InvalidError: the password is too easily guessed; it is as it was.
        NotFoundError: the session has been ended meanwhile.
    """
    assert actor.user_id is not None
    assert actor.session_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        words = accounts.words_about(session.get_one(User, actor.user_id))
    passwords.check_strength(password, words)
    hashed = passwords.hash_password(password)
    with host.database.session(SYSTEM) as session:
        user = session.get_one(User, actor.user_id)
        user.password_hash = hashed
        user.password_changed_at = now = utc_now()
        links.revoke(session, user.id, "reset_password", "change_email")
        others = sessions.revoke_others(session, user.id, actor.session_id)
        row, secret = sessions.renew(session, actor.session_id)
        email.queue(
            session, host, "password-changed", to=user,
            context={
                "url": f"{host.settings.public_url.rstrip('/')}/forgot", "at": now,
                "zone": user.zone, "ip": keys.address_of(request), "tokens": 0,
            },
        )  # fmt: skip
        journal.note(
            session, actor, "user.password_changed", target=("user", user.id),
            detail={"browsers_signed_out": others}, request=request,
        )  # fmt: skip
    known = known_browsers.also(request, host, user)
    return entry.Entry(user, row.space_id, secret, row.csrf_token, known)
