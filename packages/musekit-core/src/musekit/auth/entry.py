"""Signing up, in and out at the edge: limits, several units of work, and the cookie.

Verifying a password takes tens of milliseconds and happens between units of work, never inside.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from musekit.auth import (
    accounts,
    known_browsers,
    passwords,
    sessions,
    sign_in_log,
    verification,
)
from musekit.auth.models import User, UserSession
from musekit.auth.resolve import COOKIE, SYSTEM
from musekit.auth.second_factors import flows
from musekit.auth.second_factors import service as factors
from musekit.auth.secrets import digest
from musekit.auth.settings import AuthSettings
from musekit.email import service as mail
from musekit.errors import ForbiddenError, MuseKitError
from musekit.kernel.host import Host
from musekit.kernel.ratelimit import keys
from musekit.kernel.ratelimit.policies import RESET_MAILBOX, SIGN_IN_MAILBOX, SIGN_IN_PAIR
from musekit.kernel.web.cookies import drop_cookie, get_cookie, set_cookie
from musekit.kernel.web.user_agents import describe
from musekit.spaces import service as spaces


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
    #: the cookie by which this browser is known from now on; empty: as it was
    known: str = ""


@dataclass(frozen=True)
class Pending:
    """Somebody has given their password, and is asked for a code; with the flow's cookie."""

    user: User
    secret: str


class UnconfirmedError(ForbiddenError):
    """The address is to be confirmed before anybody comes in."""

    code, title = "email-not-confirmed", "Confirm your address first"


def sign_up(
    request: Request, host: Host, *, email: str, password: str, name: str = "", timezone: str = ""
) -> Entry | None:
    """Make an account, mail it the link that confirms its address, and sign it in.

    Tells the plugins after the commit. Where addresses must be confirmed first nobody is signed
    in, and what is returned is the same if the address has an account: its owner gets a mail.

    Returns:
        None if the address is to be confirmed first.

    Raises:
        InvalidError: see `accounts.sign_up`.
        LimitReachedError: too many mails to this address.
    """
    first = confirms_first(host)
    if first:
        count_sign_up(host, email)
    try:
        with host.database.session(SYSTEM) as session:
            user, space = accounts.sign_up(session, email, password, name, timezone=timezone)
            verification.send(session, host, user.id)
            made = None if first else start(request, host, session, user, space.id)
    except accounts.TakenError:
        if not first:
            raise
        tell_owner(host, email)
        return None
    host.registry.hooks.on_user_created(host=host, user_id=user.id, space_id=space.id)
    return made


def confirms_first(host: Host) -> bool:
    """Say whether nobody comes in before their address is confirmed."""
    return host.settings_of(AuthSettings).verify_email == "required"


def tell_owner(host: Host, address: str) -> None:
    """Mail the owner of an address that somebody wanted to sign up with it."""
    with host.database.session(SYSTEM) as session:
        user = accounts.find_by_email(session, address)
        if user is None or user.disabled_at is not None or user.deleting_at is not None:
            return
        if user.email_verified_at is None:  # they wait for that mail
            verification.send(session, host, user.id)
            return
        here = host.settings.public_url.rstrip("/")
        mail.queue(
            session, host, "account-exists", to=user,
            context={"url": f"{here}/sign-in", "forgot_url": f"{here}/forgot"},
        )  # fmt: skip


def sign_in(
    request: Request, host: Host, *, email: str, password: str, timezone: str = "", goal: str = ""
) -> Entry | Pending:
    """Check a password and start a session, or ask for the second factor.

    Tries are counted here for the mailbox, too; those of an address by the rule of the route.
    An address that nobody has costs the same work and gets the same answer.

    Args:
        timezone: of the browser; taken up if the person has named none so far.
        goal: the page to go to at the end.

    Raises:
        WrongCredentialsError: address or password is wrong.
        ForbiddenError: nobody may come in as this user.
        UnconfirmedError: the address is to be confirmed first; the link is mailed again.
        LimitReachedError: too many tries.
    """
    mailbox = _hidden(email)
    pair = f"{keys.address_of(request)}:{mailbox}"
    host.limits.hit(SIGN_IN_PAIR, pair)
    host.limits.hit(SIGN_IN_MAILBOX, mailbox)
    with host.database.session(SYSTEM, readonly=True) as session:
        user = accounts.find_by_email(session, email)
        stored = user.password_hash if user else None
    right = passwords.verify(password, stored)
    if not right or user is None:
        with host.database.session(SYSTEM) as session:
            sign_in_log.failed(session, request, user.id if user else None, "password")
        raise WrongCredentialsError("The e-mail address or the password is wrong. Try again.")
    fresh = passwords.hash_password(password) if passwords.needs_new_hash(stored or "") else None
    host.limits.forget(SIGN_IN_PAIR, pair)
    demand_confirmed(host, user)
    with host.database.session(SYSTEM) as session:
        if fresh:
            session.get_one(User, user.id).password_hash = fresh
        if timezone and not user.timezone:
            accounts.suggest_timezone(session, user.id, timezone)
        home = spaces.personal_space_id(session, user.id)
        return begin(request, host, session, user, home, goal=goal)


def demand_confirmed(host: Host, user: User) -> None:
    """Mail the link again to whom it keeps out; an edge.

    Raises:
        UnconfirmedError: their address is to be confirmed first.
        LimitReachedError: too many mails to this address.
    """
    if confirms_first(host) and user.email_verified_at is None:
        host.limits.hit(RESET_MAILBOX, f"verify:{user.id}")
        with host.database.session(SYSTEM) as session:
            verification.send(session, host, user.id)
        raise _unconfirmed()


def count_sign_up(host: Host, email: str) -> None:
    """Count somebody who wants an account for an address, which may be another's.

    Raises:
        LimitReachedError: too many mails to this address.
    """
    host.limits.hit(RESET_MAILBOX, f"sign-up:{_hidden(email)}")


def begin(
    request: Request,
    host: Host,
    session: Session,
    user: User,
    space_id: UUID,
    *,
    methods: Sequence[str] = ("password",),
    goal: str = "",
) -> Entry | Pending:
    """Let somebody in who has proven who they are, or ask for the second factor they have set up.

    Args:
        methods: how they have proven it.
        goal: the page to go to at the end.

    Raises:
        ForbiddenError: nobody may come in as this user.
        UnconfirmedError: their address is to be confirmed first.
    """
    _demand_open(user)
    if confirms_first(host) and user.email_verified_at is None:
        raise _unconfirmed()
    if factors.is_asked(session, user.id, methods):
        return Pending(user, flows.begin(session, user.id, methods, goal))
    return start(request, host, session, user, space_id, methods=methods)


def start(
    request: Request,
    host: Host,
    session: Session,
    user: User,
    space_id: UUID,
    *,
    methods: Sequence[str] = ("password",),
    organization_id: UUID | None = None,
) -> Entry:
    """Start a session of somebody who has proven all that is asked. No other code starts one.

    If they have never come in by this browser, it is told to their mailbox.

    Args:
        methods: how they have proven it.
        organization_id: whose own service has proven it, in a space of which they are to be.

    Raises:
        ForbiddenError: nobody may come in as this user.
    """
    _demand_open(user)
    if old := get_cookie(request, host.settings, COOKIE):
        sessions.end(session, digest(old), request)
    row, secret = sessions.start(
        session, user.id, space_id, days=host.settings.session_days,
        ip=_address(request), user_agent=request.headers.get("user-agent", ""), methods=methods,
        organization_id=organization_id,
    )  # fmt: skip
    # The first time is no news. What was never proven to be their mailbox may be a stranger's.
    told = user.last_sign_in_at is not None and user.email_verified_at is not None
    if told and not known_browsers.is_known(request, host, user):
        _tell(request, host, session, user, row)
    session.execute(
        update(User)
        .where(User.id == user.id)
        .values(last_sign_in_at=row.created_at, updated_at=User.updated_at)
        .execution_options(synchronize_session=False)
    )
    sign_in_log.came_in(session, request, user.id, methods)
    known = known_browsers.also(request, host, user)
    return Entry(user, space_id, secret, row.csrf_token, known)


def _tell(request: Request, host: Host, session: Session, user: User, row: UserSession) -> None:
    mail.queue(
        session, host, "new-sign-in", to=user,
        context={
            "browser": describe(row.user_agent), "ip": keys.address_of(request),
            "at": row.created_at, "zone": user.zone,
            "url": f"{host.settings.public_url.rstrip('/')}/account/security",
        },
    )  # fmt: skip


def _demand_open(user: User) -> None:
    if user.disabled_at is not None or user.deleting_at is not None:
        raise ForbiddenError("This account is closed. Ask who runs this deployment.")


def _unconfirmed() -> UnconfirmedError:
    return UnconfirmedError(
        "Your e-mail address is not confirmed yet. Follow the link in the mail, then sign in."
    )


def give_cookie(response: Response, host: Host, entry: Entry | Pending) -> None:
    """Give the browser its session, or what it needs to give the second factor."""
    if isinstance(entry, Pending):
        seconds = int(flows.LASTS.total_seconds())
        set_cookie(response, host.settings, flows.COOKIE, entry.secret, max_age=seconds)
        return
    days = host.settings.session_days
    set_cookie(response, host.settings, COOKIE, entry.secret, max_age=days * 86400)
    if entry.known:
        known_browsers.remember(response, host, entry.known)


def sign_out(request: Request, host: Host, response: Response) -> None:
    """End the session of a request, on the server and in the browser."""
    if secret := get_cookie(request, host.settings, COOKIE):
        with host.database.session(SYSTEM) as session:
            sessions.end(session, digest(secret), request)
    drop_cookie(response, host.settings, COOKIE)


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _hidden(email: str) -> str:
    """What stands for a mailbox in a counter: no address is stored of people without account."""
    return hashlib.sha256(email.strip().casefold().encode("utf-8", "replace")).hexdigest()[:32]
