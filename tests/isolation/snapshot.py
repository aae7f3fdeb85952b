"""What the database holds of a person: to see whether a request changed any of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: What changes by reading alone.
VOLATILE = frozenset(
    {"last_used_at", "last_used_ip", "last_seen_at", "expires_at", "last_sign_in_at"}
)
#: Tables about a person: rows of others who visit the person's space are not theirs.
OF_A_PERSON = frozenset({"user_sessions", "api_tokens", "users"})

Rows = dict[str, list[str]]


def columns_of(connection: Any, *, postgres: bool) -> dict[str, list[str]]:
    """Return the tables with their columns."""
    query = (
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY 1, ordinal_position"
        if postgres
        else "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c"
        " WHERE m.type = 'table' ORDER BY 1, c.cid"
    )
    found: dict[str, list[str]] = {}
    for table, column in connection.execute(query).fetchall():
        found.setdefault(table, []).append(column)
    return found


def version_of(connection: Any, *, postgres: bool) -> str:
    """Return what is another text as soon as anybody else has changed anything.

    On PostgreSQL it is the snapshot, which says what can be seen; SQLite counts the commits of
    other connections, so this one must be kept, and change nothing itself.
    """
    query = "SELECT pg_current_snapshot()::text" if postgres else "PRAGMA data_version"
    return str(connection.execute(query).fetchone()[0])


def rows_of(
    connection: Any, tables: dict[str, list[str]], keys: dict[str, str], *, postgres: bool
) -> Rows:
    """Return every row of a person and of a space as text, in one statement, by table.

    Args:
        keys: ``user_id`` and ``space_id``, as the database writes them.
    """
    parts = _parts(tables, keys, postgres=postgres)
    found: Rows = {}
    for table, row in connection.execute(" UNION ALL ".join(parts)).fetchall():
        found.setdefault(table, []).append(row)
    return {table: sorted(rows) for table, rows in found.items()}


def _parts(tables: dict[str, list[str]], keys: dict[str, str], *, postgres: bool) -> Iterator[str]:
    """Yield one SELECT for each table that has rows of the person or of the space."""
    for table, columns in tables.items():
        wanted = {**keys, "in_space_id": keys["space_id"], "personal_user_id": keys["user_id"]}
        if table in OF_A_PERSON:
            wanted = {"id" if table == "users" else "user_id": keys["user_id"]}
        where = " OR ".join(f"{c} = '{value}'" for c, value in wanted.items() if c in columns)
        if not where:
            continue
        kept = [f'"{name}"' for name in columns if name not in VOLATILE]
        row = (
            f"ROW({', '.join(kept)})::text"
            if postgres
            else " || ',' || ".join(f"quote({name})" for name in kept)
        )
        yield f"SELECT '{table}', {row} FROM \"{table}\" WHERE {where}"
