"""The publisher's units of work on PostgreSQL: statements over batches, in few round trips."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from musekit.api import Actor, ExpressUnit, Host
from passivepost.publishing.sql import Call, Rows, Statement, Unit, bound


class Express(Unit):
    """A unit of work as the publisher knows it, over one of the core's."""

    is_postgres = True

    def __init__(self, unit: ExpressUnit) -> None:
        self._unit = unit

    def run(
        self, statement: Statement, batch: Sequence[Sequence[Any]] = (), **parameters: Any
    ) -> Rows:
        """Run one statement; see `Unit.run`."""
        return self.send((statement, batch, parameters))[0]

    def send(self, *calls: Call, last: bool = False) -> list[Rows]:
        """Run statements in one round trip; see `Unit.send` and `ExpressUnit.send`."""
        known = [i for i, (statement, batch, _) in enumerate(calls) if batch or not statement.batch]
        found: list[Rows] = [[] for _ in calls]
        if known or last:
            sent = [
                (statement.postgres, bound(statement, batch, more), bool(statement.returns))
                for statement, batch, more in (calls[i] for i in known)
            ]
            for i, rows in zip(known, self._unit.send(*sent, last=last), strict=True):
                found[i] = rows
        return found


@contextlib.contextmanager
def express(host: Host, actor: Actor, local: Mapping[str, str]) -> Iterator[Express]:
    """Open a unit of work of the system; `local`: settings that hold for it."""
    with host.database.express(actor, local=local) as unit:
        yield Express(unit)
