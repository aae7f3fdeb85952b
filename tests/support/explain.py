"""What a database would do for each statement of a test: its plan, asked just before it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from sqlalchemy import event

from musekit.kernel.host import Host

_KINDS = ("SELECT", "UPDATE", "DELETE", "INSERT")
#: So that it sorts, or reads a table from end to end, only where no index can serve.
_INDEXES_ONLY = "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off;"


class Explained(NamedTuple):
    """A statement, and how the database answers it."""

    statement: str
    plan: str


@contextmanager
def explaining(host: Host, *, indexes_only: bool = False) -> Iterator[list[Explained]]:
    """Explain each statement on its own connection and under its actor.

    Args:
        indexes_only: ask PostgreSQL what its indexes can do, not what is cheapest just now: small
            tables will do then. SQLite answers by its indexes anyhow.
    """
    found: list[Explained] = []
    postgres = host.database.is_postgres
    word = "EXPLAIN " if postgres else "EXPLAIN QUERY PLAN "

    def explain(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if not statement.startswith(_KINDS):
            return
        given = parameters[0] if isinstance(parameters, list) else parameters
        with closing(connection.connection.dbapi_connection.cursor()) as own:
            if postgres and indexes_only:
                own.execute(_INDEXES_ONLY)
            own.execute(word + statement, given)
            found.append(Explained(statement, "\n".join(str(row[-1]) for row in own.fetchall())))

    engines = {host.database.application, host.database.system}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", explain)
