"""Units of work in few round trips, on the driver's own connection (PostgreSQL).

Where a thread shares the interpreter with a busy event loop, each wait for the server costs it some
milliseconds more than the server takes. So BEGIN travels with the first statements, statements that
need no answer of each other travel together, and COMMIT may travel with the last.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.exc import DBAPIError

from musekit.kernel.database.engines import setting

#: SQL with ``%(name)s`` parameters, their values, and whether it returns rows.
Sent = tuple[str, Mapping[str, Any], bool]
Rows = list[tuple[Any, ...]]


class ExpressUnit:
    """A unit of work that sends statements by themselves. `Database.express` opens and ends it."""

    def __init__(self, driver: Any, dialect: Dialect, local: Mapping[str, str]) -> None:
        self._driver, self._dialect = driver, dialect
        self._error: type[Exception] = dialect.loaded_dbapi.Error
        self._settings = _settings(tuple(local.items()))
        self._begun = self._ended = False

    def send(self, *statements: Sent, last: bool = False) -> list[Rows]:
        """Run statements in order, in one round trip; return the rows of each.

        Args:
            last: commit with them. What finds things not as they should be must then fail.

        Raises:
            sqlalchemy.exc.DBAPIError: the unit of work is over and nothing of it is stored; after
                a connection that broke, with `last`, it may be.
        """
        with self._errors():
            with self._driver.pipeline():
                if not self._begun:
                    self._begun = True
                    self._driver.execute("BEGIN")
                    if self._settings:
                        self._driver.execute(self._settings)
                cursors = [self._driver.execute(sql, values) for sql, values, _ in statements]
                if last:
                    self._ended = True
                    self._driver.execute("COMMIT")
            return [
                cursor.fetchall() if returns else []
                for (_, _, returns), cursor in zip(statements, cursors, strict=True)
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
        except self._error as error:
            raise DBAPIError.instance(
                None, None, error, self._error, dialect=self._dialect
            ) from error


@functools.cache
def _settings(local: Sequence[tuple[str, str]]) -> str:
    """Return the statement that makes settings hold until the end of the transaction."""
    each = (f"set_config('{name}', '{value}', true)" for name, value in map(setting, local))
    return f"SELECT {', '.join(each)}" if local else ""
