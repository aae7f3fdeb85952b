"""The second half of signing in."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from musekit.auth import entry, sessions, sign_in_log
from musekit.auth.models import User
from musekit.auth.resolve import SYSTEM
from musekit.auth.second_factors import flows, recovery, service
from musekit.errors import MuseKitError
from musekit.kernel.host import Host
from musekit.kernel.ratelimit import keys
from musekit.kernel.web.cookies import get_cookie
from musekit.spaces import service as spaces


class WrongCodeError(MuseKitError):
    """The code is wrong, or was used already; which of them is not told."""

    status, code, title = 401, "wrong-code", "Not signed in"


class HalfWay(NamedTuple):
    """What somebody is asked for a code for."""

    again: bool  #: they are in already, and prove again who they are
    start: str  #: the page to begin anew on


def finish(request: Request, host: Host, code: str) -> tuple[entry.Entry, str]:
    """Check a code and start the session; return it with the page to go to. An edge.

    Of somebody who is in already, and has come to prove it again, the session gets a new secret.

    The try is counted in a unit of work of its own, so that a wrong code counts.

    Raises:
        FlowOverError: nobody is half-way in here, or they have tried too often.
        WrongCodeError: it is another code, or it was used before.
        LimitReachedError: too many tries for this person.
        NotFoundError: the session that it was for has been ended meanwhile.
    """
    secret = get_cookie(request, host.settings, flows.COOKIE)
    with host.database.session(SYSTEM) as session:
        flow = flows.count_try(session, secret)
        flow_id, user_id = flow.id, flow.user_id
        proven, goal, inside = (flow.provider or "").split(), flow.next, flow.session_id
    assert user_id is not None
    service.count_try(host, user_id)
    with host.database.session(SYSTEM) as session:
        way = service.take(session, host, user_id, code)
        if way is None:
            sign_in_log.failed(session, request, user_id, "code")
            made = None
        else:
            flows.finish(session, flow_id)
            made = _come_in(
                request, host, session, user_id, methods=[*proven, way], inside=inside
            )  # fmt: skip
    if made is None:  # raised here, so that what was tried stays written down
        raise WrongCodeError("This code is wrong, or was used already. Try the next one.")
    service.forget_tries(host, user_id)
    return made, goal


def _come_in(
    request: Request, host: Host, session: Session, user_id: UUID, *, methods: list[str],
    inside: UUID | None,
) -> entry.Entry:  # fmt: skip
    """Start a session, or renew the one that somebody is in who has come to prove it again."""
    user = session.get_one(User, user_id)
    if methods[-1] == "recovery":
        left = recovery.left(session, user_id)
        address = keys.address_of(request)
        service.tell(session, host, user, "recovery_code.used", ip=address, left=left)
    if inside is None:
        home = spaces.personal_space_id(session, user_id)
        return entry.start(request, host, session, user, home, methods=methods)
    row, renewed = sessions.renew(session, inside, methods=methods)
    return entry.Entry(user, row.space_id, renewed, row.csrf_token)


def accept(response: Response, host: Host, changed: service.Changed) -> None:
    """Give the browser the new secret of its session."""
    row = changed.row
    made = entry.Entry(changed.user, row.space_id, changed.secret, row.csrf_token)
    entry.give_cookie(response, host, made)


def half_way(request: Request, host: Host) -> HalfWay | None:
    """Return what is under way in this browser, if somebody is half-way in; an edge."""
    secret = get_cookie(request, host.settings, flows.COOKIE)
    with host.database.session(SYSTEM, readonly=True) as session:
        flow = flows.find(session, secret)
    if flow is None:
        return None
    again = flow.session_id is not None
    query = f"?{urlencode({'next': flow.next})}" if flow.next else ""
    return HalfWay(again, f"{'/re-authenticate' if again else '/sign-in'}{query}")
