"""Units of work in few round trips (PostgreSQL).

The event loop's thread holds the interpreter's lock most of the time, so a thread that waits for
the server gets it back some milliseconds late, at each round trip. So BEGIN travels with the first
statements, statements that do not need each other's answers travel together, and COMMIT may travel
with the last.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from sqlalchemy import Dialect

from musekit.api import Actor, Host
from passivepost.publishing.sql import Call, Rows, Statement, Unit, as_sqlalchemy, bound


class ExpressUnit(Unit):
    """A unit of work on the driver's own connection, with settings that hold for it."""

    is_postgres = True

    def __init__(self, driver: Any, dialect: Dialect, local: Mapping[str, str]) -> None:
        self._driver, self._dialect, self._local = driver, dialect, local
        self._begun = self._ended = False

    def run(
        self, statement: Statement, batch: Sequence[Sequence[Any]] = (), **parameters: Any
    ) -> Rows:
        """Run one statement; see `Unit.run`."""
        return self.send((statement, batch, parameters))[0]

    def send(self, *calls: Call, last: bool = False) -> list[Rows]:
        """Run statements in one round trip; see `Unit.send`.

        Args:
            last: commit with them. What finds things not as they should be must then fail.

        Raises:
            sqlalchemy.exc.DBAPIError: the unit of work is over and nothing of it is stored; after
                a connection that broke, with `last`, it may be.
        """
        if not any(batch or not statement.batch for statement, batch, _ in calls):
            return [[] for _ in calls]
        with self._errors():
            with self._driver.pipeline():
                if not self._begun:
                    self._begun = True
                    self._driver.execute("BEGIN")
                    self._driver.execute(_settings(tuple(self._local.items())))
                cursors = [
                    self._driver.execute(statement.postgres, bound(statement, batch, more))
                    if batch or not statement.batch
                    else None
                    for statement, batch, more in calls
                ]
                if last:
                    self._driver.execute("COMMIT")
                    self._ended = True
            return [
                cursor.fetchall() if cursor and call[0].returns else []
                for call, cursor in zip(calls, cursors, strict=True)
            ]

    def finish(self) -> None:
        """Commit, if that was not done."""
        if self._begun and not self._ended:
            with self._errors():
                self._driver.commit()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise as_sqlalchemy(error, self._dialect) from error


@contextlib.contextmanager
def express(host: Host, actor: Actor, local: Mapping[str, str]) -> Iterator[ExpressUnit]:
    """Open a unit of work of the system on PostgreSQL; an error takes back what is not committed.

    Args:
        local: settings that hold for it.
    """
    with host.database.driver(actor) as driver:
        unit = ExpressUnit(driver, host.database.system.dialect, local)
        yield unit
        unit.finish()


@functools.cache
def _settings(local: Sequence[tuple[str, str]]) -> str:
    """Return the statement that makes settings hold until the end of the transaction."""
    return "SELECT " + ", ".join(f"set_config('{name}', '{value}', true)" for name, value in local)
