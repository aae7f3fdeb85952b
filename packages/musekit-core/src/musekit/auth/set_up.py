"""The first operator of a deployment, by a link that only who runs it can have.

The link is made on the machine, by ``musekit up`` or ``musekit users set-up-link``, and good once.
As soon as there is an operator the pages are not there any more, and stay so.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.auth import accounts, entry, journal, known_browsers, links, sessions, verification
from musekit.auth.models import User
from musekit.auth.resolve import SYSTEM
from musekit.errors import ConflictError, NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host

LASTS = timedelta(hours=24)


def is_open(session: Session) -> bool:
    """True while there is no operator. Runs as the system."""
    return session.scalar(select(User.id).where(User.is_operator).limit(1)) is None


def offer(host: Host) -> str:
    """Return the address of a new link; the one before is over. An edge.

    Raises:
        ConflictError: there is an operator.
    """
    with host.database.session(SYSTEM) as session:
        if not is_open(session):
            raise ConflictError(
                "There is an operator already. They make others, by"
                " `musekit users set-operator EMAIL`."
            )
        secret = links.make(session, "set_up", email_key="", lasts=LASTS)
    return f"{host.settings.public_url.rstrip('/')}/set-up/{secret}"


def check(host: Host, secret: str) -> None:
    """See that a link may be followed, and leave it so; an edge.

    Raises:
        NotFoundError: there is an operator.
        LinkSpentError: it is another link, or too old.
    """
    with host.database.session(SYSTEM, readonly=True) as session:
        _demand_open(session)
        links.peek(session, "set_up", secret)


def appoint(request: Request, host: Host, secret: str, actor: Actor) -> entry.Entry:
    """Make who is signed in the operator; their browser gets another secret. An edge.

    Raises:
        NotFoundError, LinkSpentError: see `check`.
    """
    assert actor.user_id is not None
    assert actor.session_id is not None
    with host.database.session(SYSTEM) as session:
        _take(session, secret)
        user = session.get_one(User, actor.user_id)
        user.is_operator = True
        row, fresh = sessions.renew(session, actor.session_id)
        journal.note(
            session, actor, "user.made_operator", target=("user", user.id), request=request
        )
    known = known_browsers.also(request, host, user)
    return entry.Entry(user, row.space_id, fresh, row.csrf_token, known)


def sign_up(
    request: Request, host: Host, secret: str, *, email: str, password: str, name: str = "",
    timezone: str = "",
) -> entry.Entry:  # fmt: skip
    """Make an account that is the operator's, and sign it in; an edge.

    Raises:
        NotFoundError, LinkSpentError: see `check`.
        InvalidError: see `accounts.sign_up`; the link stays good.
    """
    with host.database.session(SYSTEM) as session:
        user, space = accounts.sign_up(session, email, password, name, timezone=timezone)
        _take(session, secret)
        user.is_operator = True
        verification.send(session, host, user.id)
        made = entry.start(request, host, session, user, space.id)
        journal.note(
            session, SYSTEM, "user.made_operator", target=("user", user.id), request=request
        )
    host.registry.hooks.on_user_created(host=host, user_id=user.id, space_id=space.id)
    return made


def _take(session: Session, secret: str) -> None:
    _demand_open(session)
    links.take(session, "set_up", secret)


def _demand_open(session: Session) -> None:
    if not is_open(session):
        raise NotFoundError("There is no such page.")
