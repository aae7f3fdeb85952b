"""One row of the matrix: a sample request of a route, and how it ends for whom."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.isolation.world import Person, World

Thing = Callable[[World, Person], Any]
Values = Mapping[str, Any] | Thing | None
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")

DONE = frozenset({200, 201, 204, 303})
NOT_THERE = frozenset({404})
WRONG = frozenset({401, 422})
REFUSED = frozenset({403})


@dataclass(frozen=True, kw_only=True)
class Row:
    """A sample request of a route; see `tests.isolation.rows`."""

    things: Mapping[str, Thing | str] = field(default_factory=dict)
    json: Values = None
    form: Values = None
    query: Values = None
    headers: Mapping[str, str] = field(default_factory=dict)
    owner: frozenset[int] = DONE
    operator: frozenset[int] = DONE  #: the operator, of routes that are for the operator only
    stranger: frozenset[int] | None = None  #: None: it names nothing of others, so as the owner
    visitor: frozenset[int] = DONE  #: nobody signed in; of public routes only
    ends_session: bool = False
    members: bool = False  #: the thing is not the owner's alone: members may name it too
    personal: bool = False  #: the thing is one person's alone: to members of the space it is not
    echoes: bool = False  #: the answer repeats what was typed, the other's address too
    changes: bool = False  #: done by the operator it changes rows of the person, by design
    tells: frozenset[str] = frozenset()  #: what the operator is told of people, by design
    fake: bool = False  #: of the sample network, which has people and tokens of its own


def filled(values: Values, world: World, it: Person) -> Any:
    """Return the values of a sample."""
    return values(world, it) if callable(values) else values


def address(path: str, row: Row, world: World, it: Person) -> str:
    """Return the path of a route with its parameters filled in."""
    made = {
        name: str(thing(world, it) if callable(thing) else thing)
        for name, thing in row.things.items()
    }
    return _PARAMETER.sub(lambda found: made[found[1]], path)
