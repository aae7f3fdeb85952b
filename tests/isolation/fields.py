"""The fields that routes read: of bodies, forms and queries, of all models inside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from tests.isolation.routes import Route
from tests.isolation.row import filled
from tests.isolation.world import Person, World


def names(app: Any, route: Route) -> set[str]:
    """Return the names of all fields a route reads, beside those of its path."""
    return {name for name, _ in parameters(app, route)} | {
        inner for _, kind in parameters(app, route) for inner in _inside(kind)
    }


def parameters(app: Any, route: Route) -> Iterator[tuple[str, Any]]:
    """Yield (name, annotation) of each query parameter and body parameter of a route."""
    for context in iter_route_contexts(app.router.routes):
        if context.path != route.path or route.method not in (context.methods or ()):
            continue
        waiting = [context.dependant]
        while waiting:
            dependant = waiting.pop()
            waiting += dependant.dependencies
            for param in [*dependant.query_params, *dependant.body_params]:
                yield param.alias, param.field_info.annotation


def query_names(app: Any, route: Route) -> list[str]:
    """Return the names of a route's query parameters, those of models among them."""
    found: set[str] = set()
    for name, kind in parameters(app, route):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= {field.alias or inner for inner, field in kind.model_fields.items()}
        else:
            found.add(name)
    return sorted(found)


def _inside(kind: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(kind, type) and issubclass(kind, BaseModel) and depth < 6:
        for name, field in kind.model_fields.items():
            yield field.alias or name
            yield from _inside(field.annotation, depth + 1)
    else:
        for each in get_args(kind):
            yield from _inside(each, depth + 1)


def sample_of(route: Route, world: World, it: Person) -> tuple[str, Mapping[str, Any]]:
    """Return where a route's sample has its values (``json``, ``data``, ``params``), and them."""
    row = route.row
    for part, values in (("json", row.json), ("data", row.form), ("params", row.query)):
        if values is not None:
            return part, filled(values, world, it)
    return "params", {}
