"""The routes of plugins: what they claim, and how they come into the application."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts

from musekit.declarations import RouteSet
from musekit.kernel.registry import PluginFault
from musekit.kernel.web.access import access_of, routes_without_rule
from musekit.kernel.web.openapi import PROBLEMS

if TYPE_CHECKING:
    from musekit.kernel.host import Host

_PARAMETER = re.compile(r"\{[^}]*\}")
#: Paths that are the host's own.
RESERVED = ("/healthz", "/readyz", "/-/static/", "/openapi.json")


def claims(routes: RouteSet) -> Iterator[str]:
    """Yield ``route GET /path/{}`` for each route of a set.

    Raises:
        PluginFault: a route has no access rule, or takes a path of the host's.
    """
    if not isinstance(routes.router, APIRouter):
        raise PluginFault(f"a RouteSet holds a {type(routes.router).__name__}, not an APIRouter")
    if bare := routes_without_rule(routes.router):
        raise PluginFault(f"{bare[0]} does not state who may call it (`requires` and kin)")
    for context in iter_route_contexts(routes.router.routes):
        path = f"{routes.prefix}{context.path or ''}"
        if not path.startswith("/"):
            raise PluginFault(f"the path “{path}” does not begin with a slash")
        if path.startswith(RESERVED):
            raise PluginFault(f"the path “{path}” is the host's own")
        for method in sorted((context.methods or {"*"}) - {"HEAD"}):
            yield f"route {method} {_PARAMETER.sub('{}', path)}"


def include(app: FastAPI, host: Host) -> None:
    """Put the routes of every loaded plugin into the application.

    A plugin that is quarantined later (its lifespan failed) loses its routes again.
    """
    nodes: dict[str, list[Any]] = {}
    for plugin, each in host.registry.contributions.items():
        before = set(map(id, app.router.routes))
        for routes in each.items.get("routes", ()):
            app.include_router(routes.router, prefix=routes.prefix, responses=PROBLEMS)
        for routes in each.items.get("pages", ()):
            app.include_router(routes.router, prefix=routes.prefix, include_in_schema=False)
        nodes[plugin] = [node for node in app.router.routes if id(node) not in before]

    def take_away(plugin: str) -> None:
        for node in nodes.pop(plugin, ()):
            app.router.routes.remove(node)

    host.registry.on_quarantine(take_away)


def table(app: FastAPI) -> Iterable[tuple[str, str, str, str]]:
    """Yield (method, path, access rule, limit) of every route, sorted, for docs and tests."""
    rows = []
    for context in iter_route_contexts(app.router.routes):
        rule = access_of(context)
        name = "host" if rule is None else f"{rule.kind} {rule.name}".strip()
        for method in context.methods or {"GET"}:
            limit = "none" if rule is None else rule.policy(method).name
            rows.append((context.path or "", method, name, limit))
    for path, method, name, limit in sorted(rows):
        if method != "HEAD":
            yield method, path, name, limit
