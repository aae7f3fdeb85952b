"""Who may call a route. Every route states it; the application refuses a route that does not.

A rule stands where the actor is declared, and nothing else decides about access::

    @router.get("/api/things")
    def things(actor: Annotated[Actor, requires("things.read")], session: ReadSession) -> Things:

The rules stay readable on the finished application (`access_of`), so that the isolation tests are
made from the routes themselves and a new route is tested by existing.

This module does without postponed annotations: FastAPI reads those of `AccessRule.__call__`, and
cannot resolve names for an instance.
"""

import hmac
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Literal

import anyio.to_thread
from anyio import CancelScope, CapacityLimiter
from fastapi import APIRouter, Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import MAX_BODY_SIZE_SCOPE_KEY
from starlette.routing import BaseRoute

from musekit.declarations import RateLimit
from musekit.errors import (
    ForbiddenError,
    ImpersonatedError,
    NotFoundError,
    NotSignedInError,
    OtherWayInError,
    ReauthenticationNeededError,
)
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.ratelimit import headers, keys, policies
from musekit.kernel.web import csrf

Kind = Literal["permission", "signed_in", "public", "operator", "secret"]

#: Shorter secrets are taken as not set (reference: ≥ 32 bytes).
LEAST_SECRET = 32


def host_of(request: Request) -> Host:
    """Return the host of the application that serves a request."""
    host = request.app.state.host
    assert isinstance(host, Host)
    return host


async def actor_of(request: Request) -> Actor | None:
    """Return who is behind a request, or None; asked of the plugins once per request."""
    state = request.state
    try:
        known: Actor | None = state.musekit_actor
    except AttributeError:
        host = host_of(request)
        ask = partial(host.registry.hooks.resolve_actor, request=request, host=host)
        known = await run_in_threadpool(ask)
        state.musekit_actor = known
    return known


@dataclass(frozen=True)
class AccessRule:
    """One route's rule. Used as a dependency, it gives the actor or refuses the request.

    Args:
        kind: what is asked for.
        name: the permission, or the name of the secret.
        browser: a browser session is needed; a token will not do.
        recent: a dangerous act: the person has proven who they are within the last
            ``MUSEKIT_AUTH_RECENT_MINUTES``. Includes `browser` and `in_person`.
        in_person: not while an operator acts as the person.
        cross_site: other sites may send this to somebody who is not signed in here, as identity
            providers and mail programs do. Of public routes only.
        bound: of what is for everybody signed in, or `in_person`: also for those whom an
            organization's own service let in. It opens that organization, and nothing of their
            own account.
        limit: how often it may be asked; None: as usual for its kind and method.

    Raises (when called):
        NotSignedInError, ForbiddenError, NotFoundError: as the rule says.
        LimitReachedError: asked too often.
    """

    kind: Kind
    name: str = ""
    browser: bool = False
    recent: bool = False
    in_person: bool = False
    cross_site: bool = False
    bound: bool = False
    limit: RateLimit | None = None

    def policy(self, method: str) -> RateLimit:
        """Return how often requests of a method are let through."""
        return self.limit or policies.usual(self.kind, method)

    async def __call__(self, request: Request) -> Actor | None:
        """Judge a request."""
        _refuse_too_large(request)
        if self.kind == "secret":
            request.state.musekit_actor = holder = _holder_of_secret(request, self.name)
            return holder
        actor = await actor_of(request)
        if actor is not None or not self.cross_site:
            await csrf.check(request, actor)
        # What another site sends through somebody's browser must not use up what is theirs.
        await _count(request, self.policy(request.method), actor)
        if self.kind == "public":
            return actor
        if actor is None:
            raise NotSignedInError("Sign in, or send a valid API token, and repeat the request.")
        if self.kind == "operator" and not actor.is_operator:
            raise ForbiddenError("This page is for the operator of this deployment.")
        if self.browser and actor.session_id is None:
            raise ForbiddenError(
                "This cannot be done with an API token. Sign in with a browser and do it there."
            )
        if self.kind == "permission":
            actor.demand(self.name)
        own = (self.kind == "signed_in" or self.in_person) and not self.bound
        if actor.organization_id is not None and own:
            raise OtherWayInError.told()
        if self.in_person and actor.impersonator_id is not None:
            raise ImpersonatedError(
                "You act as somebody else, and this only they may do. Nothing was changed."
            )
        if self.recent and not _is_recent(actor, host_of(request)):
            raise ReauthenticationNeededError(
                "Confirm that it is you, then repeat this. Nothing was changed."
            )
        # What operators do on their pages is no matter of the space that they happen to be in: its
        # admins read what is logged there.
        return replace(actor, space_id=None) if self.kind == "operator" else actor


def _refuse_too_large(request: Request) -> None:
    """Refuse a body that is declared too large, also for a route that reads none.

    The layer of Starlette refuses when a body is read, and else replaces the answer: what was asked
    would be done, and told as refused.

    Raises:
        HTTPException: 413.
    """
    most = request.scope.get(MAX_BODY_SIZE_SCOPE_KEY)
    declared = request.headers.get("content-length", "")
    if most is not None and declared.isdecimal() and int(declared) > most:
        raise HTTPException(413)


async def _count(request: Request, policy: RateLimit, actor: Actor | None) -> None:
    """Count a request under a policy, before work is done for it.

    Raises:
        LimitReachedError: it is one too many; with ``Retry-After``.
    """
    if policy is policies.NONE:
        return
    scope = keys.scope_of(policy, request, actor)
    verdict = await host_of(request).limits.ask(policy, scope)
    headers.remember(request.scope.setdefault("state", {}), verdict)
    verdict.demand()


def requires(
    permission: str,
    *,
    browser: bool = False,
    recent: bool = False,
    in_person: bool = False,
    bound: bool = False,
    limit: RateLimit | None = None,
) -> Any:
    """Let through actors that hold a permission; for use inside ``Annotated[Actor, …]``."""
    return Depends(
        AccessRule(
            "permission", permission, browser=browser or recent, recent=recent,
            in_person=in_person or recent, bound=bound, limit=limit,
        )
    )  # fmt: skip


def signed_in(
    *,
    browser: bool = False,
    recent: bool = False,
    in_person: bool = False,
    bound: bool = False,
    limit: RateLimit | None = None,
) -> Any:
    """Let through everybody who is signed in; with `browser`, not by an API token."""
    return Depends(
        AccessRule(
            "signed_in", browser=browser or recent, recent=recent,
            in_person=in_person or recent, bound=bound, limit=limit,
        )
    )  # fmt: skip


def public(*, cross_site: bool = False, limit: RateLimit | None = None) -> Any:
    """Let everybody through; the actor is None for a visitor (``Annotated[Actor | None, …]``)."""
    return Depends(AccessRule("public", cross_site=cross_site, limit=limit))


def operator_only(*, recent: bool = False, limit: RateLimit | None = None) -> Any:
    """Let through the operator of the deployment."""
    return Depends(
        AccessRule("operator", browser=recent, recent=recent, in_person=recent, limit=limit)
    )


def secret_only(name: str) -> Any:
    """Let through who sends ``Authorization: Bearer`` with the setting ``<name>_secret``.

    The actor is the system under that name. No cookie and no user's token is looked at. While the
    setting is empty or shorter than 32 bytes the route answers 404. It is never limited: who asks
    is known, and a schedule must not be missed.
    """
    return Depends(AccessRule("secret", name))


def _is_recent(actor: Actor, host: Host) -> bool:
    """Say whether the person proved who they are a short while ago."""
    at = actor.authenticated_at
    window = timedelta(minutes=host.settings.auth_recent_minutes)
    return at is not None and datetime.now(UTC) - at <= window


def _holder_of_secret(request: Request, name: str) -> Actor:
    setting = getattr(host_of(request).settings, f"{name}_secret", None)
    wanted = setting.get_secret_value().encode() if setting is not None else b""
    if len(wanted) < LEAST_SECRET:
        raise NotFoundError("There is no such page.")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), wanted):
        raise NotSignedInError(
            "Send the secret as “Authorization: Bearer …”.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return Actor.system(name)


# --- Reading the rules back ---


def access_of(route: Any) -> AccessRule | None:
    """Return the rule of a route (or of a route context of an application), None without one."""
    dependant: Dependant | None = getattr(route, "dependant", None)
    return None if dependant is None else _rule_in(dependant)


def _rule_in(dependant: Dependant) -> AccessRule | None:
    for needed in dependant.dependencies:
        if isinstance(needed.call, AccessRule):
            return needed.call
        if found := _rule_in(needed):
            return found
    return None


def routes_without_rule(routes: APIRouter | Iterable[BaseRoute]) -> list[str]:
    """Return “GET /path” of each route that states no rule; the host refuses such routers."""
    listed = routes.routes if isinstance(routes, APIRouter) else list(routes)
    return [
        f"{'/'.join(sorted(context.methods or ()))} {context.path}"
        for context in iter_route_contexts(listed)
        if isinstance(context.original_route, APIRoute) and access_of(context) is None
    ]


# --- What endpoints ask for ---


@asynccontextmanager
async def _unit(request: Request, *, readonly: bool) -> AsyncGenerator[Session, None]:
    actor = await actor_of(request)
    if actor is None:
        raise NotSignedInError("Sign in, or send a valid API token, and repeat the request.")
    # Making the session touches no database, so it costs no hop to a thread. Ending it does: that
    # hop has a limiter of its own, because all threads of the pool may be waiting for the very
    # connection which it gives back.
    unit = host_of(request).database.session(actor, readonly=readonly)
    session = unit.__enter__()
    try:
        yield session
    except BaseException as error:
        with CancelScope(shield=True):
            await anyio.to_thread.run_sync(
                unit.__exit__, type(error), error, error.__traceback__, limiter=CapacityLimiter(1)
            )
        raise
    else:
        with CancelScope(shield=True):
            await anyio.to_thread.run_sync(
                unit.__exit__, None, None, None, limiter=CapacityLimiter(1)
            )


async def _read_session(request: Request) -> AsyncGenerator[Session, None]:
    async with _unit(request, readonly=True) as session:
        yield session


async def _write_session(request: Request) -> AsyncGenerator[Session, None]:
    async with _unit(request, readonly=False) as session:
        yield session


async def _current_actor(request: Request) -> Actor:
    actor = await actor_of(request)
    if actor is None:
        raise NotSignedInError("Sign in, or send a valid API token, and repeat the request.")
    return actor


async def _host(request: Request) -> Host:
    return host_of(request)


#: The host, in an endpoint.
HostDep = Annotated[Host, Depends(_host)]
#: Who acts. It is no rule by itself: state one on the route too.
CurrentActor = Annotated[Actor, Depends(_current_actor)]
#: A session that reads, bound to the actor. Declare it after the actor.
ReadSession = Annotated[Session, Depends(_read_session, scope="function")]
#: A session that writes, bound to the actor: committed before the response is sent, rolled back
#: when the endpoint raises. Declare it after the actor.
WriteSession = Annotated[Session, Depends(_write_session, scope="function")]
