"""Signing up, in and out at the edge: limits, several units of work, and the cookie.

Verifying a password takes tens of milliseconds and happens between units of work, never inside.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from musekit.auth import accounts, passwords, sessions
from musekit.auth.models import User
from musekit.auth.resolve import COOKIE, SYSTEM
from musekit.auth.secrets import digest
from musekit.errors import MuseKitError
from musekit.kernel import ratelimit
from musekit.kernel.host import Host
from musekit.kernel.web.cookies import drop_cookie, get_cookie, set_cookie
from musekit.spaces import service as spaces

MINUTE, HOUR = 60, 3600
#: Tries within seconds: of one address for one mailbox, of one address, for one mailbox. The last
#: bounds a guesser with many addresses, and is high because it can lock the owner out for a time.
PAIR, ADDRESS, MAILBOX = (10, 15 * MINUTE), (100, 15 * MINUTE), (200, HOUR)
SIGN_UPS = (30, HOUR)


class WrongCredentialsError(MuseKitError):
    """The address or the password is wrong; which of them is not told."""

    status, code, title = 401, "wrong-credentials", "Not signed in"


@dataclass(frozen=True)
class Entry:
    """Somebody has come in: their new session, and the cookie's value."""

    user: User
    space_id: UUID
    secret: str
    csrf_token: str


def sign_up(
    request: Request, host: Host, *, email: str, password: str, name: str = "", timezone: str = ""
) -> Entry:
    """Make an account and sign it in. Tells the plugins after the commit.

    Raises:
        InvalidError: see `accounts.sign_up`.
        LimitReachedError: too many accounts made from this address.
    """
    with host.database.session(SYSTEM) as session:
        ratelimit.hit(session, f"sign-up:address:{_address(request)}", *SIGN_UPS)
    with host.database.session(SYSTEM) as session:
        user, space = accounts.sign_up(session, email, password, name, timezone=timezone)
        entry = _start(request, host, session, user, space.id)
    host.registry.hooks.on_user_created(host=host, user_id=user.id, space_id=space.id)
    return entry


def sign_in(
    request: Request, host: Host, *, email: str, password: str, timezone: str = ""
) -> Entry:
    """Check a password and start a session.

    An address that nobody has costs the same work and gets the same answer.

    Args:
        timezone: of the browser; taken up if the person has named none so far.

    Raises:
        WrongCredentialsError: address or password is wrong.
        LimitReachedError: too many tries.
    """
    pair = f"sign-in:pair:{_address(request)}:{_hidden(email)}"
    with host.database.session(SYSTEM) as session:
        ratelimit.hit(session, pair, *PAIR)
        ratelimit.hit(session, f"sign-in:address:{_address(request)}", *ADDRESS)
        ratelimit.hit(session, f"sign-in:mailbox:{_hidden(email)}", *MAILBOX)
    with host.database.session(SYSTEM, readonly=True) as session:
        user = accounts.find_by_email(session, email)
        stored = user.password_hash if user else None
    right = passwords.verify(password, stored)
    if not right or user is None:
        raise WrongCredentialsError("The e-mail address or the password is wrong. Try again.")
    fresh = passwords.hash_password(password) if passwords.needs_new_hash(stored or "") else None
    with host.database.session(SYSTEM) as session:
        ratelimit.forget(session, pair)
        if fresh:
            session.get_one(User, user.id).password_hash = fresh
        if timezone and not user.timezone:
            accounts.suggest_timezone(session, user.id, timezone)
        return _start(request, host, session, user, spaces.personal_space_id(session, user.id))


def _start(request: Request, host: Host, session: Session, user: User, space_id: UUID) -> Entry:
    if old := get_cookie(request, host.settings, COOKIE):
        sessions.end(session, digest(old))
    row, secret = sessions.start(
        session, user.id, space_id, days=host.settings.session_days,
        ip=_address(request), user_agent=request.headers.get("user-agent", ""),
    )  # fmt: skip
    return Entry(user, space_id, secret, row.csrf_token)


def give_cookie(response: Response, host: Host, entry: Entry) -> None:
    """Give the browser its session."""
    days = host.settings.session_days
    set_cookie(response, host.settings, COOKIE, entry.secret, max_age=days * 86400)


def sign_out(request: Request, host: Host, response: Response) -> None:
    """End the session of a request, on the server and in the browser."""
    if secret := get_cookie(request, host.settings, COOKIE):
        with host.database.session(SYSTEM) as session:
            sessions.end(session, digest(secret))
    drop_cookie(response, host.settings, COOKIE)


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _hidden(email: str) -> str:
    """What stands for a mailbox in a counter: no address is stored of people without account."""
    return hashlib.sha256(email.strip().casefold().encode("utf-8", "replace")).hexdigest()[:32]
