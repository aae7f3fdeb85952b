"""The face of sign-in: who is behind a request, and the routes and pages around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit import hookimpl
from musekit.declarations import RouteSet
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host


@hookimpl
def musekit_resolve_actor(request: Request, host: Host) -> Actor | None:
    """Look at the bearer token or the session cookie."""
    from musekit.auth.resolve import actor_of

    return actor_of(request, host)


@hookimpl
def musekit_register_routes(host: Host) -> Iterable[RouteSet]:
    """Give ``/api/auth/…``."""
    from musekit.auth.routes import router

    return [RouteSet(router=router)]


@hookimpl
def musekit_register_pages(host: Host) -> Iterable[RouteSet]:
    """Give ``/sign-up``, ``/sign-in``, ``/sign-out`` and ``/account…``."""
    from musekit.auth.pages import router

    return [RouteSet(router=router)]


@hookimpl
def musekit_export_user_data(session: Session, user_id: UUID) -> Mapping[str, Any]:
    """The user, their spaces, and which sessions and tokens there are."""
    from musekit.auth.removal import export

    return export(session, user_id)
