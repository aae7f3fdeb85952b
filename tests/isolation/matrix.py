"""The matrix: every route of the application, asked by everybody who must not have it."""

from __future__ import annotations

import httpx
from tests.isolation import leaks
from tests.isolation.askers import FORBIDDEN, Asker, Statuses
from tests.isolation.routes import Route, prepare
from tests.isolation.world import World


def judge(world: World, route: Route, who: str, asker: Asker, expected: Statuses) -> list[str]:
    """Let somebody ask for the victim's things; return what is wrong with how it ended."""
    row, victim = route.row, world.people["victim"]
    send = prepare(world, route, victim)
    before = world.rows_of(victim)
    answer = send(asker.headers)
    after = world.rows_of(victim)
    if who == "impersonated":  # what they ask for is written down, also where it is refused
        before.pop("audit_log", None)
        after.pop("audit_log", None)
    faults = []
    if answer.status_code not in expected:
        faults.append(f"{answer.status_code}, expected {sorted(expected)}")
    may = asker.belongs and route.kind == "permission" and expected != FORBIDDEN
    may |= row.changes and asker.operator and route.kind == "operator" and expected != FORBIDDEN
    if before != after and not may:
        changed = [t for t in before.keys() | after.keys() if before.get(t) != after.get(t)]
        faults.append(f"rows of {victim.name} changed: {', '.join(sorted(changed))}")
    if answer.status_code == 303 and who == "nobody" and not route.is_public:
        target = answer.headers["location"]
        if not target.startswith("/sign-in?next=%2F"):
            faults.append(f"sent to {target}")
    if answer.status_code >= 400 and not route.is_page and not row.fake:
        faults += _no_problem(answer)
    if not row.fake:
        faults += [f"member “{name}”" for name in leaks.secret_names(route.key, answer)]
    faults += leaks.secrets_in(answer, world)
    if not (asker.belongs or row.echoes or row.fake):
        told = set(leaks.words_of(victim, answer))
        if asker.knows:  # who belongs to a space knows of it
            told.discard("id of the space")
        if asker.operator:
            told -= row.tells
        faults += [f"tells the {what} of {victim.name}" for what in sorted(told)]
    return [f"{route.key} by {who}: {fault}" for fault in faults]


def _no_problem(answer: httpx.Response) -> list[str]:
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return [f"the error is {answer.headers.get('content-type')}"]
    body = answer.json()
    missing = {"type", "title", "status", "code", "detail"} - body.keys()
    return [f"the problem lacks {', '.join(sorted(missing))}"] if missing else []
