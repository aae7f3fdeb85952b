"""Rows of a database as a JSON file, to be put into a database of either kind.

How `tests/lifecycle/upgrade/releases/<version>.json` is made: run a deployment of that release on
SQLite, do something in it, stop it, and ``python -m tests.support.kept_rows FILE.db OUT.json``.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

#: What a deployment makes for itself at every start, or keeps of how far it is.
PASSING = ("alembic_version_", "musekit_plugins", "job_schedules", "rate_counters")


def keep(url: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a SQLite database: table → rows, parents before children."""
    engine = sa.create_engine(url)
    metadata = sa.MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        found = {
            table.name: [dict(row._mapping) for row in connection.execute(sa.text(
                f'SELECT * FROM "{table.name}"'))]
            for table in metadata.sorted_tables if not table.name.startswith(PASSING)
        }  # fmt: skip
    engine.dispose()
    return {name: rows for name, rows in found.items() if rows}


def put(url: str, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Insert rows into the tables of a database; the deployment's own row is replaced."""
    engine = sa.create_engine(url)
    metadata = sa.MetaData()
    metadata.reflect(engine, only=list(rows))
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM deployment"))
        for table in metadata.sorted_tables:
            for row in rows[table.name]:
                names = list(row)
                statement = sa.text(
                    f'INSERT INTO "{table.name}" ({", ".join(names)})'
                    f" VALUES ({', '.join(f':{name}' for name in names)})"
                )
                if engine.dialect.name == "postgresql":
                    types = {name: table.c[name].type for name in names}
                    statement = statement.bindparams(
                        *(sa.bindparam(name, type_=kind) for name, kind in types.items())
                    )
                    row = {name: _fit(types[name], value) for name, value in row.items()}
                connection.execute(statement, {k: _bytes(v) for k, v in row.items()})
    engine.dispose()


def _fit(kind: sa.types.TypeEngine[Any], value: Any) -> Any:
    """Return a value of SQLite as a column of PostgreSQL takes it."""
    if value is None:
        return None
    if isinstance(kind, sa.Uuid):
        return UUID(value)
    if isinstance(kind, sa.Boolean):
        return bool(value)
    if isinstance(kind, postgresql.TIMESTAMP):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    if isinstance(kind, postgresql.ARRAY | sa.JSON):
        return json.loads(value)
    return value


def _bytes(value: Any) -> Any:
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) and "hex" in value else value


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    raise TypeError(f"{value!r} cannot be kept")


if __name__ == "__main__":
    file, out = sys.argv[1:]
    kept = keep(f"sqlite:///{Path(file).resolve()}")
    Path(out).write_text(json.dumps(kept, default=_plain, indent=1, sort_keys=True) + "\n")
