"""One SQL text for both databases, over batches.

The publisher's statements work on hundreds of rows at a time and know no ORM: a batch goes in as
one relation ``r`` (arrays on PostgreSQL, one JSON text on SQLite), and comes back as plain tuples.
In a statement stand ``:name`` for a parameter and these words:

* ``{now}``       the database's clock, at the start of the statement
* ``{plus(X)}``   the clock, X seconds later; X is SQL
* ``{r}``         the batch, as a table of a FROM clause
* ``{filter(C)}``  condition C, which rows must meet but are never looked up by: they are reached
  by the batch. Few posts are in the publisher's hands when a table's statistics are taken and many
  when it works, so a planner that may choose reads the index of, say, all leases for each post.
* ``{lock(s, p)}``  FOR UPDATE OF s, p SKIP LOCKED, where there are row locks
* ``{mine(s)}``   true of a row that this transaction has written; on SQLite, which has one writer,
  of any
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
_LOCK = re.compile(r"\{lock\(([^()]+)\)\}")
_FILTER = re.compile(r"\{filter\(([^{}]+)\)\}")
_MINE = re.compile(r"\{mine\((\w+)\)\}")
_PLUS = re.compile(r"\{plus\(([^{}]+)\)\}")

#: Types of batch columns and results: name → type on PostgreSQL.
_TYPES = {
    "uuid": "uuid[]", "text": "text[]", "int": "integer[]", "float": "double precision[]",
    "json": "text[]", "time": "timestamptz[]", "bool": "boolean[]",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Statement:
    """A statement, the columns of its batch and the types of what it returns.

    Args:
        template: the SQL, in the words of this module.
        batch: column → type of the relation ``r``; empty when there is none.
        returns: types of the result's columns, in order.
    """

    template: str
    batch: Mapping[str, str] = field(default_factory=dict)
    returns: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "postgres", self._postgres())
        object.__setattr__(self, "sqlite", self._sqlite())
        object.__setattr__(
            self, "odd", [(i, kind) for i, kind in enumerate(self.returns) if kind in _FROM_SQLITE]
        )

    postgres: str = field(init=False)
    sqlite: str = field(init=False)
    odd: list[tuple[int, str]] = field(init=False)  #: results SQLite gives as text

    def _postgres(self) -> str:
        arrays = ", ".join(f"CAST(:{name} AS {_TYPES[kind]})" for name, kind in self.batch.items())
        words = {
            "{now}": "statement_timestamp()",
            "{r}": f"unnest({arrays}) AS r({', '.join(self.batch)})",
            "{json}": "jsonb",
            "{true}": "true",
            "{false}": "false",
        }
        text = _PLUS.sub(r"(statement_timestamp() + (\1) * interval '1 second')", self.template)
        text = _LOCK.sub(r"FOR UPDATE OF \1 SKIP LOCKED", text)
        text = _MINE.sub(r"(\1.xmin = CAST(pg_current_xact_id() AS xid))", text)
        text = _FILTER.sub(r"CASE WHEN \1 THEN true END", _replace(text.replace("%", "%%"), words))
        return _PARAMETER.sub(r"%(\1)s", text)

    def _sqlite(self) -> str:
        columns = ", ".join(
            f"json_extract(value, '$[{i}]') AS {name}" for i, name in enumerate(self.batch)
        )
        clock = "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')"
        words = {
            "{now}": clock,
            "{r}": f"(SELECT {columns} FROM json_each(:batch)) AS r",  # noqa: S608
            "{json}": "text",
            "{true}": "1",
            "{false}": "0",
        }
        later = r"(strftime('%Y-%m-%d %H:%M:%f', 'now', (\1) || ' seconds') || '000')"
        text = _MINE.sub("1", _LOCK.sub("", _PLUS.sub(later, self.template)))
        text = _replace(text, words)
        return _FILTER.sub(r"(\1)", text)


def _replace(text: str, words: Mapping[str, str]) -> str:
    for word, sql in words.items():
        text = text.replace(word, sql)
    return text


#: A statement, its batch, and its further parameters.
Call = tuple[Statement, Sequence[Sequence[Any]], Mapping[str, Any]]
Rows = list[tuple[Any, ...]]


class Unit:
    """The connection of one unit of work. Made by the edge that opens and commits it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.is_postgres = connection.dialect.name == "postgresql"

    def run(
        self, statement: Statement, batch: Sequence[Sequence[Any]] = (), **parameters: Any
    ) -> Rows:
        """Run a statement over a batch; an empty batch of a batch statement runs nothing.

        Args:
            batch: rows, each in the order of the statement's batch columns. JSON columns take
                text or None.
            parameters: the ``:name`` values beside the batch.

        Returns:
            The rows returned, with UUIDs, aware datetimes and parsed JSON.
        """
        if statement.batch and not batch:
            return []
        if self.is_postgres:
            return self._on_postgres(statement, batch, parameters)
        values = {name: _plain(value) for name, value in parameters.items()}
        if statement.batch:
            values["batch"] = json.dumps([[_plain(value) for value in row] for row in batch])
        result = self._connection.exec_driver_sql(statement.sqlite, values)
        if not statement.returns:
            return []
        rows: list[tuple[Any, ...]] = list(result.cursor.fetchall())
        result.close()
        return [_typed(row, statement.odd) for row in rows] if statement.odd else rows

    def send(self, *calls: Call) -> list[Rows]:
        """Run statements that do not need each other's answers, in order.

        Returns:
            What `run` returns, for each.
        """
        return [self.run(statement, batch, **more) for statement, batch, more in calls]

    def _on_postgres(
        self, statement: Statement, batch: Sequence[Sequence[Any]], more: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """Go to the driver itself: what SQLAlchemy adds to a batch costs as much as the batch."""
        driver: Any = self._connection.connection.driver_connection
        kind: type[Exception] = self._connection.dialect.loaded_dbapi.Error
        try:
            cursor = driver.execute(statement.postgres, bound(statement, batch, more))
            return cursor.fetchall() if statement.returns else []
        except kind as error:
            raise DBAPIError.instance(
                None, None, error, kind, dialect=self._connection.dialect
            ) from error


def bound(
    statement: Statement, batch: Sequence[Sequence[Any]], more: Mapping[str, Any]
) -> dict[str, Any]:
    """Return all parameters of a statement as psycopg takes them."""
    return _arrays(statement, batch) | dict(more)


def _arrays(statement: Statement, batch: Sequence[Sequence[Any]]) -> dict[str, Any]:
    columns = zip(*batch, strict=True) if batch else ()
    return {
        name: _array(column, kind)
        for (name, kind), column in zip(statement.batch.items(), columns, strict=True)
    }


def _array(column: Sequence[Any], kind: str) -> str:
    """Return a PostgreSQL array literal: the driver's own way takes a call per element."""
    if kind == "uuid":
        values = ["NULL" if v is None else v.hex for v in column]
    elif kind in {"int", "float", "bool"}:
        values = ["NULL" if v is None else str(v) for v in column]
    else:
        values = [
            "NULL" if v is None
            else '"' + str(v).replace("\\", "\\\\").replace('"', '\\"') + '"'
            for v in column
        ]  # fmt: skip
    return "{" + ",".join(values) + "}"


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return value


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


_FROM_SQLITE: dict[str, Any] = {
    "uuid": UUID, "time": _time, "json": json.loads, "list": json.loads, "bool": bool,
}  # fmt: skip


def _typed(row: Iterable[Any], odd: Sequence[tuple[int, str]]) -> tuple[Any, ...]:
    values = list(row)
    for i, kind in odd:
        if values[i] is not None:
            values[i] = _FROM_SQLITE[kind](values[i])
    return tuple(values)
