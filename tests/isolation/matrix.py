"""The matrix: every route of the application, asked by everybody who must not have it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
from fastapi.routing import iter_route_contexts
from tests.isolation import leaks
from tests.isolation.samples import ROWS, Row, address, filled
from tests.isolation.world import Person, World, bearer, browser

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
    def is_page(self) -> bool:
        return not self.path.startswith(("/api/", "/-/"))

    @property
    def is_public(self) -> bool:
        return self.rule is None or self.rule.kind == "public"

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


@dataclass(frozen=True)
class Case:
    """One cell: a route, who asks, whose things are named, and the statuses that are right."""

    route: Route
    who: str
    it: str
    headers: dict[str, str]
    expected: frozenset[int]


def as_nobody(route: Route) -> frozenset[int]:
    """Return how a request by nobody is to end."""
    if route.is_public:
        return route.row.visitor
    if route.is_page and route.method == "GET":
        return frozenset({303})
    return frozenset({401})


def as_stranger(route: Route, *, token: bool = False) -> frozenset[int]:
    """Return how a request with somebody else's things is to end."""
    rule, row = route.rule, route.row
    if rule is not None and rule.kind == "secret":
        return frozenset({401})
    if rule is not None and rule.kind == "operator":
        return frozenset({403})
    if token and rule is not None and rule.browser:
        return frozenset({403})
    return row.owner if row.stranger is None else row.stranger


def as_member(route: Route, held: frozenset[str], *, token: bool = False) -> frozenset[int]:
    """Return how a request by a member with few rights is to end, about things of the space."""
    rule = route.rule
    if rule is None or rule.kind != "permission":
        return as_owner(route) if route.row.members else as_stranger(route, token=token)
    if rule.name not in held or (token and rule.browser):
        return frozenset({403})
    return route.row.owner


def as_owner(route: Route, *, token: bool = False) -> frozenset[int]:
    """Return how it is to end for whoever may: the control of the whole matrix."""
    rule = route.rule
    if rule is not None and rule.kind == "operator":
        return frozenset({403})
    if token and rule is not None and rule.browser:
        return frozenset({403})
    return route.row.owner


def cases(world: World) -> Iterator[tuple[str, Case]]:
    """Yield (who, case) of the whole matrix but the control."""
    people = world.people
    viewer, guest, victim = people["viewer"], people["guest"], people["victim"]
    viewing = world.host.registry.permissions_of("viewer")
    world.sign_in(viewer, victim.space_id)
    empty = bearer(world.token_of(victim, victim.space_id, ["nothing"]))
    reading = bearer(world.token_of(viewer, victim.space_id, ["*"]))
    for route in routes_of(world.app):
        case = partial(_case, route)
        yield case("nobody", {}, as_nobody(route))
        unknown = bearer(victim.token[:-1] + ("a" if victim.token[-1] != "a" else "b"))
        yield case("a mistyped token", unknown, as_nobody(route))
        for name in ("stranger", "operator"):
            yield case(name, browser(people[name]), as_stranger(route))
        # A member of the space as powerful as its owner, who is in another space just now.
        away = as_owner(route) if route.row.members else as_stranger(route)
        yield case("guest", browser(guest), away)
        for name in ("stranger", "operator"):
            token = bearer(people[name].token)
            yield case(f"token of {name}", token, as_stranger(route, token=True))
        personal = None if route.rule is None or route.rule.kind != "permission" else viewer
        yield case("viewer", browser(viewer), as_member(route, viewing))
        if personal is not None:
            yield case("token of viewer", reading, as_member(route, viewing, token=True))
        if route.row.stranger is None or route.rule is None or route.rule.kind == "permission":
            nothing = as_member(route, frozenset(), token=True)
            yield case("token without rights", empty, nothing)


def _case(
    route: Route, who: str, headers: dict[str, str], expected: frozenset[int]
) -> tuple[str, Case]:
    return who, Case(route, who, "victim", headers, expected)


def judge(world: World, case: Case) -> list[str]:
    """Carry out one case; return what is wrong with how it ended."""
    route, row = case.route, case.route.row
    victim = world.people[case.it]
    send = prepare(world, route, victim)
    before = world.rows_of(victim)
    answer = send(case.headers)
    after = world.rows_of(victim)
    faults = []
    if answer.status_code not in case.expected:
        faults.append(f"{answer.status_code}, expected {sorted(case.expected)}")
    if before != after:
        changed = [table for table in after if before[table] != after[table]]
        faults.append(f"rows of {victim.name} changed: {', '.join(changed)}")
    if answer.status_code == 303 and case.who == "nobody" and not route.is_public:
        target = answer.headers["location"]
        if not target.startswith("/sign-in?next=%2F"):
            faults.append(f"sent to {target}")
    if answer.status_code >= 400 and not route.is_page and not row.fake:
        faults += _no_problem(answer)
    if not row.fake:
        faults += [f"member “{name}”" for name in leaks.secret_names(route.key, answer)]
    faults += leaks.secrets_in(answer, world)
    member = case.who in ("viewer", "token of viewer", "token without rights")
    if not (member or row.echoes or row.fake):
        told = leaks.words_of(victim, answer)
        if case.who == "guest":  # who belongs to a space knows of it
            told = [what for what in told if what != "id of the space"]
        faults += [f"tells the {what} of {victim.name}" for what in told]
    return [f"{route.key} by {case.who}: {fault}" for fault in faults]


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


def _no_problem(answer: httpx.Response) -> list[str]:
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return [f"the error is {answer.headers.get('content-type')}"]
    body = answer.json()
    missing = {"type", "title", "status", "code", "detail"} - body.keys()
    return [f"the problem lacks {', '.join(sorted(missing))}"] if missing else []
