"""From a request to its actor: by API token, or by the cookie of a browser session."""

from __future__ import annotations

import logging
from uuid import UUID

from sqlalchemy.exc import OperationalError
from starlette.requests import Request

from musekit.auth import impersonation, impersonation_log, sessions, tokens
from musekit.auth.second_factors import demanded
from musekit.auth.secrets import digest
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.ratelimit.keys import address_of
from musekit.kernel.web import csrf, viewer
from musekit.kernel.web.cookies import get_cookie
from musekit.kernel.web.flash import flash
from musekit.kernel.web.pages import is_page
from musekit.spaces import service as spaces

logger = logging.getLogger(__name__)

SYSTEM = Actor.system("sign-in")
COOKIE = "session"


def actor_of(request: Request, host: Host) -> Actor | None:
    """Return who is behind a request, or None.

    A request with an ``Authorization`` header is judged by that alone: a wrong token is never made
    good by a cookie.
    """
    sent = request.headers.get("authorization")
    if sent is not None:
        scheme, _, secret = sent.partition(" ")
        return _by_token(request, secret.strip(), host) if scheme.lower() == "bearer" else None
    secret = get_cookie(request, host.settings, COOKIE)
    return _by_session(request, secret, host) if secret else None


def _by_token(request: Request, secret: str, host: Host) -> Actor | None:
    with host.database.session(SYSTEM, readonly=True, single=True) as session:
        known = tokens.find(session, secret)
    if known is None:
        return None
    if tokens.needs_touch(known):
        _try(lambda: _touch_token(host, known, address_of(request)))
    held = host.registry.permissions_of(known.role)
    if known.space_id in demanded.spaces(host) and not _has_second_factor(host, known.user_id):
        held = frozenset()
    everything = tokens.EVERYTHING in known.scopes
    return Actor(
        kind="token",
        name=f"token:{known.id}",
        user_id=known.user_id,
        space_id=known.space_id,
        permissions=held if everything else held.intersection(known.scopes),
        timezone=known.timezone or "UTC",
        token_id=known.id,
    )  # an operator's token is no operator: what runs the deployment needs the browser


def _by_session(request: Request, secret: str, host: Host) -> Actor | None:
    choices: tuple[viewer.SpaceChoice, ...] = ()
    with host.database.session(SYSTEM, readonly=True, single=True) as session:
        known = sessions.find(session, secret)
        if known is not None and is_page(request):
            found = spaces.memberships(session, known.user_id)
            choices = tuple(
                viewer.SpaceChoice(
                    id=each.id, name=each.name, role=each.role,
                    organization=each.organization or "",
                )
                for each in found
                if known.organization_id in (None, each.organization_id)
            )  # fmt: skip
        if known is not None and known.impersonator_id is not None:
            known = known if impersonation.is_allowed(session, host, known.id) else None
    if known is None:
        return None
    if known.role is None:
        known = _back_home(host, secret, known)
        if known is None:
            return None
    elif not _may_be_there(host, known):
        known = _back_home(host, secret, known)
        if known is None:
            return None
        if is_page(request):
            flash(request, demanded.SAYS, "warning")
    elif sessions.needs_touch(known):
        _try(lambda: _touch_session(host, known))
    csrf.remember(request, known.csrf_token)
    viewer.remember(
        request,
        viewer.Viewer(email=known.email, name=known.name, space_id=known.space_id, spaces=choices),
    )
    actor = Actor(
        kind="user",
        name=f"user:{known.user_id}",
        user_id=known.user_id,
        space_id=known.space_id,
        permissions=host.registry.permissions_of(known.role or ""),
        is_operator=known.is_operator
        and known.impersonator_id is None
        and known.organization_id is None,
        session_id=known.id,
        timezone=known.timezone or "UTC",
        authenticated_at=known.authenticated_at,
        impersonator_id=known.impersonator_id,
        organization_id=known.organization_id,
    )
    if known.impersonator_id is not None and impersonation_log.is_noted(request):
        with host.database.session(SYSTEM) as session:
            impersonation_log.note(session, request, actor)
    return actor


def _may_be_there(host: Host, known: sessions.Known) -> bool:
    """Say whether a session is proven well enough for its space; see `demanded.demand`."""
    exempt = known.organization_id is not None or known.impersonator_id is not None
    return exempt or demanded.lets_in(host, known.space_id, known.methods)


def _back_home(host: Host, secret: str, known: sessions.Known) -> sessions.Known | None:
    """Bring somebody who has left the space of their session back to their own.

    One who came in by an organization's own service is out.
    """
    with host.database.session(SYSTEM) as session:
        if known.organization_id is not None:
            sessions.end(session, digest(secret))
            return None
        sessions.move(session, known.id, spaces.personal_space_id(session, known.user_id))
        session.flush()
        return sessions.find(session, secret)


def _has_second_factor(host: Host, user_id: UUID) -> bool:
    with host.database.session(SYSTEM, readonly=True, single=True) as session:
        return demanded.has_one(session, user_id)


def _touch_token(host: Host, known: tokens.Known, ip: str) -> None:
    with host.database.session(SYSTEM) as session:
        tokens.touch(session, known.id, ip)


def _touch_session(host: Host, known: sessions.Known) -> None:
    with host.database.session(SYSTEM) as session:
        sessions.touch(session, known.id, days=host.settings.session_days)


def _try(write: object) -> None:
    """Write a time of use; a database too busy for that is no reason to refuse the request."""
    assert callable(write)
    try:
        write()
    except OperationalError:
        logger.warning("A time of last use could not be written", exc_info=True)
