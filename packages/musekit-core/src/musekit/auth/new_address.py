"""Another e-mail address for an account: confirmed by the mailbox that it is to be, and by the
one that it was. So neither who has a browser of somebody for a moment, nor who has read their
mail, takes the account away by it.

An address that was never proven is not asked: it may be the very mistake that is put right. What
was agreed to stands in the links themselves, and the second of them makes the change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.auth import accounts, journal, links, sessions
from musekit.auth.models import OneTimeLink, User
from musekit.auth.resolve import SYSTEM
from musekit.auth.secrets import digest
from musekit.auth.settings import AuthSettings
from musekit.email import preferences
from musekit.email import service as email
from musekit.email.mail import Address
from musekit.errors import InvalidError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.kernel.ratelimit import keys
from musekit.kernel.ratelimit.policies import RESET_MAILBOX


class Pending(NamedTuple):
    """A change that waits for its links to be followed."""

    email: str
    new_agrees: bool
    old_agrees: bool  #: also if the old one is not asked
    until: datetime


class Asked(NamedTuple):
    """What the person who follows a link is asked for."""

    side: str  #: ``new`` or ``old``: the mailbox the link was sent to
    old: str
    new: str


class Outcome(NamedTuple):
    """What following a link has led to; without `done` the other mailbox is still to agree."""

    email: str
    done: bool


def ask(request: Request, host: Host, actor: Actor, address: str) -> None:
    """Mail the links by which the person's address becomes another; an edge.

    A change that was asked for before is forgotten.

    Raises:
        InvalidError: it is no address, the one they have, or one that has an account.
        LimitReachedError: asked too often.
    """
    assert actor.user_id is not None
    address = accounts.checked_email(address)
    host.limits.hit(RESET_MAILBOX, f"change:{actor.user_id}")
    host.limits.hit(RESET_MAILBOX, f"change-to:{digest(address.casefold()).hex()[:32]}")
    hours = host.settings_of(AuthSettings).verify_hours
    with host.database.session(SYSTEM) as session:
        user = session.get_one(User, actor.user_id)
        if address == user.email:
            raise InvalidError(
                "This is your address already. Nothing was changed.",
                errors=[{"field": "email", "message": "is your address already"}],
            )
        _demand_free(session, user, address)
        links.revoke(session, user.id, "change_email")
        data = {"change": str(new_id()), "from": user.email, "to": address}
        sides = {"new": Address(email=address, name=user.name)}
        if user.email_verified_at is not None:
            sides["old"] = Address(email=user.email, name=user.name)
        for side, mailbox in sides.items():
            secret = links.make(
                session, "change_email", user_id=user.id, email_key=mailbox.email.casefold(),
                lasts=timedelta(hours=hours), beside=True,
                data={**data, "side": side, "of": len(sides)},
            )  # fmt: skip
            url = f"{host.settings.public_url.rstrip('/')}/change-email/{secret}"
            email.queue(
                session,
                host,
                f"change-email-{side}",
                to=mailbox,
                context={"url": url, "hours": hours, "old": user.email, "new": address},
            )
        journal.note(
            session, actor, "user.email_change_asked", target=("user", user.id), request=request
        )


def pending(session: Session, user_id: UUID) -> Pending | None:
    """Return the change of a person that is under way. Runs as the system."""
    rows = _links_of(session, user_id)
    waiting = [row for row in rows if row.used_at is None and row.expires_at > utc_now()]
    if not waiting:
        return None
    one, data = waiting[0], _data(waiting[0])
    open_sides = {_data(row)["side"] for row in waiting if _data(row)["change"] == data["change"]}
    return Pending(data["to"], "new" not in open_sides, "old" not in open_sides, one.expires_at)


def cancel(session: Session, user_id: UUID) -> None:
    """Forget the change of a person that is under way. Runs as the system."""
    links.revoke(session, user_id, "change_email")


def asked(session: Session, secret: str) -> Asked:
    """Return what a link asks for, and leave it so; LinkSpentError if nothing."""
    link = links.peek(session, "change_email", secret)
    _user_of(session, link)
    data = _data(link)
    return Asked(data["side"], data["from"], data["to"])


def confirm(request: Request, host: Host, secret: str, actor: Actor | None) -> Outcome:
    """Agree for one mailbox; with the last of them the address is another. An edge.

    All browsers are signed out then but the one that follows the link, if its person it is.

    Raises:
        LinkSpentError: the link may not be followed any more.
        InvalidError: the new address has got an account meanwhile; the old one stays.
    """
    with host.database.session(SYSTEM) as session:
        link = links.take(session, "change_email", secret)
        # Both links may be followed at the same moment: the one who waits here sees the other's.
        user = _user_of(session, link, lock=True)
        data = _data(link)
        agreed = {
            _data(row)["side"]
            for row in _links_of(session, user.id)
            if row.used_at is not None and _data(row)["change"] == data["change"]
        }
        if len(agreed | {data["side"]}) < data["of"]:
            return Outcome(data["to"], done=False)
        _apply(session, user, data["to"])
        here = actor if actor is not None and actor.impersonator_id is None else None
        keep = here.session_id if here is not None and here.user_id == user.id else None
        sessions.revoke_others(session, user.id, keep)
        _tell(session, host, user, data["from"], keys.address_of(request))
        journal.note(
            session, here or SYSTEM, "user.email_changed", target=("user", user.id), request=request
        )
        return Outcome(user.email, done=True)


def _apply(session: Session, user: User, address: str) -> None:
    _demand_free(session, user, address)
    preferences.move(session, user.email_key, address.casefold())
    user.email, user.email_key = address, address.casefold()
    user.email_verified_at = utc_now()
    links.revoke(session, user.id, "verify_email", "reset_password", "change_email")
    try:
        session.flush()
    except IntegrityError:
        raise accounts.taken() from None  # somebody signed up with it at this very moment


def _demand_free(session: Session, user: User, address: str) -> None:
    other = accounts.find_by_email(session, address)
    if other is not None and other.id != user.id:
        raise accounts.taken()


def _tell(session: Session, host: Host, user: User, old: str, ip: str) -> None:
    context = {
        "old": old, "new": user.email, "at": user.email_verified_at, "zone": user.zone, "ip": ip,
        "url": f"{host.settings.public_url.rstrip('/')}/account/security",
    }  # fmt: skip
    for mailbox in (Address(email=old, name=user.name), user):
        email.queue(session, host, "email-changed", to=mailbox, context=context)


def _links_of(session: Session, user_id: UUID) -> Sequence[OneTimeLink]:
    return session.scalars(
        select(OneTimeLink)
        .where(OneTimeLink.user_id == user_id, OneTimeLink.purpose == "change_email")
        .order_by(OneTimeLink.created_at.desc())
        .execution_options(populate_existing=True)
    ).all()


def _data(link: OneTimeLink) -> Mapping[str, Any]:
    assert link.data is not None
    return link.data


def _user_of(session: Session, link: OneTimeLink, *, lock: bool = False) -> User:
    asking = select(User).where(User.id == link.user_id)
    user = session.scalars(asking.with_for_update() if lock else asking).one()
    if user.email != _data(link)["from"]:
        raise links.LinkSpentError("The account has another e-mail address by now.")
    if user.disabled_at is not None or user.deleting_at is not None:
        raise links.LinkSpentError("The account is closed.")
    return user
