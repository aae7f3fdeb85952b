"""What is right about an answer to bad input, and which routes are asked."""

from collections import Counter

import pytest
from tests.badinput.inputs import CANARY
from tests.isolation.routes import UNSAFE, routes_of

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
#: How many inputs each test tries at least, so that a change does not empty it silently.
LEAST = {"bodies": 200, "values": 500, "paths": 200, "queries": 100}


def some(values, at, world, share):
    """Return one of so many shares of values, another for the next route and database."""
    return list(values)[(at + world.host.database.is_postgres) % share :: share]


def shared(test):
    """Try each route with every third input, so that all come up; in the slow run with all."""
    everything = [pytest.mark.slow, pytest.mark.timeout(900)]
    return pytest.mark.parametrize(
        "share", [pytest.param(3, id="some"), pytest.param(1, id="all", marks=everything)]
    )(test)


def once(test):
    """What is refused before a database is asked is tried on one of them."""
    return pytest.mark.parametrize("world", ["sqlite"], indirect=True)(test)


class Judge:
    """Collects what is wrong with answers."""

    def __init__(self, world, me):
        self.world, self.me = world, me
        self.faults, self.tried = [], Counter()

    def look(self, route, what, answer, expected=None):
        self.tried[answer.status_code] += 1
        told = f"{route.key} with {what}: {answer.status_code} {answer.text[:160]!r}"
        if expected is not None and route.kind == "operator":
            expected = expected | {403}  # their input is tried in the core's admin/test_fuzz.py
        if answer.status_code >= 500 and answer.status_code != 503:
            self.faults.append(told)
        elif expected is not None and answer.status_code not in expected:
            self.faults.append(f"{told}, expected {sorted(expected)}")
        elif answer.status_code >= 400 and not route.row.fake:
            self.faults += [f"{told}: {fault}" for fault in _unhelpful(route, answer)]
        if route.row.ends_session and answer.status_code < 400:
            self.world.sign_in(self.me)

    def finish(self, least):
        assert sum(self.tried.values()) >= least, self.tried
        assert not self.faults, f"{len(self.faults)} faults:\n" + "\n".join(self.faults[:40])


def _unhelpful(route, answer):
    if CANARY in answer.text and not route.is_page:
        yield "it repeats what was sent"
    if route.is_page:
        return
    if not answer.headers["content-type"].startswith("application/problem+json"):
        yield "no problem document"
        return
    problem = answer.json()
    if len(problem["detail"]) < 20:
        yield f"it says only “{problem['detail']}”"
    if answer.status_code == 422 and not (problem.get("errors") or len(problem["detail"]) > 30):
        yield "it names no field"


def writing(world, *, fake=True):
    """Routes that take a body; each with what sends its sample."""
    for route in routes_of(world.app):
        secret = route.rule is not None and route.rule.kind == "secret"
        if route.method in UNSAFE and not secret and (fake or not route.row.fake):
            yield route
