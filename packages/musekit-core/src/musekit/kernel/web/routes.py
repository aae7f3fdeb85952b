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
from musekit.kernel.web.idempotency import UNSAFE

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


def _problem(text: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "content": {"application/problem+json": {"schema": schema}}}


#: Answers that any API route may give, for the OpenAPI document.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: _problem("The request cannot be understood, or not be done as sent"),
    401: _problem("Nobody is signed in, or the token is not known"),
    403: _problem("The actor lacks the right"),
    404: _problem("There is no such thing in this space"),
    409: _problem("Not possible in the present state"),
    413: _problem("The body is too large"),
    422: _problem("Some of the input cannot be accepted"),
    429: _problem("A limit is reached; see Retry-After"),
}

#: See `musekit.kernel.web.idempotency`, which acts on it for every route.
IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "Chosen by the client, new for each piece of work. A repeat of the request with the same"
        " key gets the first answer, and the work is done once. While the first is at work the"
        " answer is 409 with Retry-After; 422, when the key came with another request."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def describe_keys(app: FastAPI, document: dict[str, Any]) -> None:
    """Add the header ``Idempotency-Key`` to each unsafe operation that people call."""
    for context in iter_route_contexts(app.router.routes):
        rule = access_of(context)
        operations = document.get("paths", {}).get(context.path, {})
        for method in sorted((context.methods or set()) & UNSAFE):
            operation = operations.get(method.lower())
            if operation is not None and rule is not None and rule.kind != "secret":
                operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)


#: RFC 9457, with the members we add.
PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "stays the same when wording changes"},
        "detail": {"type": "string", "description": "what happened and what to do"},
        "request_id": {"type": "string", "description": "name it when you ask for help"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def table(app: FastAPI) -> Iterable[tuple[str, str, str]]:
    """Yield (method, path, access rule) of every route, sorted, for docs and tests."""
    rows = []
    for context in iter_route_contexts(app.router.routes):
        rule = access_of(context)
        name = "host" if rule is None else f"{rule.kind} {rule.name}".strip()
        rows += [(context.path or "", method, name) for method in (context.methods or {"GET"})]
    for path, method, name in sorted(rows):
        if method != "HEAD":
            yield method, path, name
