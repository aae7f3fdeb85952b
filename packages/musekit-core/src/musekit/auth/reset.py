"""A new password for who has forgotten theirs, by a link to their mailbox.

Asking does the same work for every address and is answered alike, so nobody learns who has an
account here: the address is noted, encrypted, and a job looks it up afterwards.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import CursorResult, delete, select
from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.auth import accounts, endings, links, passwords
from musekit.auth.federation.models import SignInFlow
from musekit.auth.models import OneTimeLink, User
from musekit.auth.resolve import SYSTEM
from musekit.auth.secrets import digest
from musekit.auth.settings import AuthSettings
from musekit.email import service as email
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.kernel.ratelimit import keys
from musekit.kernel.ratelimit.policies import RESET_MAILBOX

JOB = "password-reset"
_KIND = "reset_request"
#: A request that no worker took up for so long is dropped: the person has given up on it.
LASTS = timedelta(hours=6)
#: Longest address there is (RFC 5321 §4.5.3.1).
LONGEST = 320


def ask(host: Host, address: str) -> None:
    """Note that somebody wants a new password for the account of an address; an edge.

    Raises:
        LimitReachedError: too many for this mailbox; whether it has an account is not told.
    """
    address = address.strip()[:LONGEST]
    host.limits.hit(RESET_MAILBOX, digest(address.casefold()).hex()[:32])
    flow_id, now = new_id(), utc_now()
    sealed = host.keyring.encrypt(
        address, table="sign_in_flows", column="secret_encrypted", row=flow_id, space=flow_id
    )
    with host.database.session(SYSTEM) as session:
        session.add(
            SignInFlow(
                id=flow_id, kind=_KIND, state_hash=digest(secrets.token_urlsafe(32)),
                browser_hash=bytes(32), purpose="reset", secret_encrypted=sealed,
                created_at=now, expires_at=now + LASTS,
            )
        )  # fmt: skip
    host.broker.enqueue(JOB)


def send_asked(host: Host) -> int:
    """Mail the links that were asked for; return how many requests were looked at. An edge."""
    seen = 0
    while True:
        with host.database.session(SYSTEM) as session:
            flows = session.scalars(
                select(SignInFlow)
                .where(SignInFlow.kind == _KIND)
                .order_by(SignInFlow.created_at)
                .limit(20)
                .with_for_update(skip_locked=True)
            ).all()
            for flow in flows:
                if flow.expires_at > utc_now():
                    _send(session, host, _address_of(host, flow))
                session.delete(flow)
        if not flows:
            return seen
        seen += len(flows)


def _address_of(host: Host, flow: SignInFlow) -> str:
    return host.keyring.decrypt(
        flow.secret_encrypted or "", table="sign_in_flows", column="secret_encrypted",
        row=flow.id, space=flow.id,
    )  # fmt: skip


def _send(session: Session, host: Host, address: str) -> None:
    user = accounts.find_by_email(session, address)
    if user is None or user.disabled_at is not None or user.deleting_at is not None:
        return
    minutes = host.settings_of(AuthSettings).reset_minutes
    secret = links.make(
        session, "reset_password", user_id=user.id, email_key=user.email_key,
        lasts=timedelta(minutes=minutes),
    )  # fmt: skip
    url = f"{host.settings.public_url.rstrip('/')}/reset/{secret}"
    email.queue(session, host, "reset-password", to=user, context={"url": url, "minutes": minutes})


def choose(request: Request, host: Host, secret: str, password: str) -> None:
    """Set a new password by a link; an edge. Whoever was signed in before is out.

    The password is judged and hashed between the units of work; the link is taken with the change.

    Raises:
        LinkSpentError: the link may not be followed any more; the password is as it was.
        InvalidError: the password is too easily guessed; the link stays good.
    """
    with host.database.session(SYSTEM, readonly=True) as session:
        words = _about(session, secret)
    passwords.check_strength(password, words)
    hashed = passwords.hash_password(password)
    with host.database.session(SYSTEM) as session:
        user = _user_of(session, links.take(session, "reset_password", secret))
        user.password_hash = hashed
        user.password_changed_at = now = utc_now()
        proven = user.email_verified_at is not None
        if not proven:  # the link has proven the mailbox, too
            user.email_verified_at = now
        ended = endings.end_everything(session, user.id, proofs=not proven)
        email.queue(
            session, host, "password-changed", to=user,
            context={
                "url": f"{host.settings.public_url.rstrip('/')}/forgot", "at": now,
                "zone": user.zone, "ip": keys.address_of(request), "tokens": ended.tokens,
            },
        )  # fmt: skip


def check(host: Host, secret: str) -> None:
    """Raise LinkSpentError if a link does not work any more; an edge."""
    with host.database.session(SYSTEM, readonly=True) as session:
        _about(session, secret)


def sweep(session: Session) -> int:
    """Delete flows of every kind that have run out; return how many."""
    result = session.execute(delete(SignInFlow).where(SignInFlow.expires_at < utc_now()))
    assert isinstance(result, CursorResult)
    return result.rowcount


def _about(session: Session, secret: str) -> Sequence[str]:
    return accounts.words_about(_user_of(session, links.peek(session, "reset_password", secret)))


def _user_of(session: Session, link: OneTimeLink) -> User:
    user = session.get_one(User, link.user_id)
    if user.email_key != link.email_key:
        raise links.LinkSpentError("The account has another e-mail address by now.")
    return user
