"""Units of work that travel in one message: BEGIN, the statements, and COMMIT (PostgreSQL).

The event loop's thread holds the interpreter's lock most of the time, so a thread that waits for
the server gets it back some milliseconds late, at each round trip. So what each post needs makes
one. Nothing can be looked at before the commit: a statement that finds things not as they should
be fails, and all of them with it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from musekit.api import Actor, Host
from passivepost.publishing.sql import Call, as_sqlalchemy, bound


def express(
    host: Host, actor: Actor, local: Mapping[str, str], calls: Sequence[Call]
) -> list[list[tuple[Any, ...]]]:
    """Run statements in order as one unit of work of the system, in one round trip.

    Args:
        local: settings that hold for it.

    Returns:
        The rows of each statement.

    Raises:
        sqlalchemy.exc.DBAPIError: nothing is stored; after a connection that broke, it may be.
    """
    with host.database.driver(actor) as driver:
        try:
            with driver.pipeline():
                driver.execute("BEGIN")
                driver.execute(_settings(tuple(local.items())))
                cursors = [
                    driver.execute(statement.postgres, bound(statement, batch, more))
                    for statement, batch, more in calls
                ]
                driver.execute("COMMIT")
            return [
                cursor.fetchall() if call[0].returns else []
                for call, cursor in zip(calls, cursors, strict=True)
            ]
        except psycopg.Error as error:
            raise as_sqlalchemy(error, host.database.system.dialect) from error


@functools.cache
def _settings(local: Sequence[tuple[str, str]]) -> str:
    """Return the statement that makes settings hold until the end of the transaction."""
    return "SELECT " + ", ".join(f"set_config('{name}', '{value}', true)" for name, value in local)
