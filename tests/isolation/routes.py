"""The routes of the application, and how the sample request of each is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi.routing import iter_route_contexts
from tests.isolation.row import Row, address, filled
from tests.isolation.rows import ROWS
from tests.isolation.world import Person, World

from musekit.kernel.web.access import AccessRule, access_of

Send = Callable[..., httpx.Response]
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
HTML = "text/html,application/xhtml+xml"


@dataclass(frozen=True)
class Route:
    """A route as the matrix sees it."""

    key: str
    method: str
    path: str
    rule: AccessRule | None  #: None: a route of the host itself, for everybody

    @property
    def kind(self) -> str:
        """What its rule asks for; ``host`` without one."""
        return self.rule.kind if self.rule else "host"

    @property
    def browser(self) -> bool:
        """True when a token will not do."""
        return self.rule is not None and self.rule.browser

    @property
    def is_page(self) -> bool:
        return not self.path.startswith(("/api/", "/-/", "/metrics"))

    @property
    def is_public(self) -> bool:
        return self.kind in ("host", "public")

    @property
    def row(self) -> Row:
        return ROWS[self.key]


def routes_of(app: Any) -> list[Route]:
    """Return every route of an application, of all plugins."""
    found = []
    for context in iter_route_contexts(app.router.routes):
        for method in sorted((context.methods or {"GET"}) - {"HEAD"}):
            key = f"{method} {context.path}"
            found.append(Route(key, method, str(context.path), access_of(context)))
    return found


def prepare(world: World, route: Route, it: Person) -> Send:
    """Make the things a request names, before the rows are counted; return what sends it."""
    row = route.row
    path = address(route.path, row, world, it)
    values = {name: filled(getattr(row, name), world, it) for name in ("query", "json", "form")}
    sent: dict[str, Any] = {"params": values["query"]}
    if row.json is not None:
        sent["json"] = values["json"]
    if row.form is not None:
        sent["data"] = values["form"]
    accept = {"Accept": HTML} if route.is_page else {}

    def send(headers: dict[str, str], /, **changes: Any) -> httpx.Response:
        # A given ``url`` or ``headers`` among the changes takes the place of the sample's own.
        ask = {"url": world.url + path, "headers": {**accept, **headers}} | sent | changes
        try:
            answer = world.http.request(route.method, **ask)
        except httpx.RemoteProtocolError:  # after a 500 the server ends a kept-alive connection
            if not isinstance(ask.get("content", b""), bytes | str):
                raise
            answer = world.http.request(route.method, **ask)
        world.http.cookies.clear()
        return answer

    return send
