"""Write out what a purge would delete: a file of JSON lines per table, and a manifest."""

from __future__ import annotations

import base64
import json
import os
import shutil
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, inspect, text

from musekit.kernel.migrations import visibility
from musekit.kernel.migrations.errors import PurgeRefusedError
from musekit.kernel.migrations.purge_plan import PurgePlan, count_rows

#: Rows fetched at a time: memory stays flat however large a table is.
BATCH = 1000


def export(plan: PurgePlan, directory: Path) -> dict[str, int]:
    """Write the rows of the plugin's tables, of its columns on tables of others, and its files.

    Files written are readable by their owner only. A column of a table of others is written with
    that table's primary key, where it is not NULL. Binary values are ``base64:…``. What the
    plugin keeps in files is copied to the folder ``files``.

    Returns:
        file name → rows written.

    Raises:
        PurgeRefusedError: the rows cannot be seen, or a file is there already.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    written: dict[str, int] = {}
    with visibility.reader(plan.settings) as connection, connection.begin():
        tables = list(plan.tables)
        blind = visibility.blind_tables(connection, plan.record.names("tables"))
        if blind:
            raise PurgeRefusedError(
                f"The rows of {', '.join(blind)} cannot be seen by this login, so an export would "
                "be empty. Nothing was written; set MUSEKIT_DATABASE_SYSTEM_URL."
            )
        expected = count_rows(connection, tables)
        for table in tables:
            rows = _write(connection, directory / f"{table}.jsonl", f'SELECT * FROM "{table}"')  # noqa: S608
            if rows != expected[table]:
                raise PurgeRefusedError(
                    f"{rows} of {expected[table]} rows of {table} were exported. "
                    "Nothing was deleted."
                )
            written[f"{table}.jsonl"] = rows
        for table, columns in _by_table(plan).items():
            file = f"{table}.columns.jsonl"
            written[file] = _write(
                connection, directory / file, _columns(connection, table, columns)
            )
    if plan.files is not None:
        try:
            shutil.copytree(plan.files, directory / "files")
        except OSError as error:
            raise PurgeRefusedError(
                f"The files in {plan.files} could not be copied: {error}. Nothing was deleted."
            ) from error
    manifest = {
        "plugin": plan.name, "distribution": plan.distribution, "version": plan.version,
        "revision": plan.record.revision, "exported_at": datetime.now(UTC).isoformat(),
        "owned": plan.record.owned, "rows": written,
    }  # fmt: skip
    with _open(directory / "manifest.json") as file_:
        json.dump(manifest, file_, indent=1)
    return written


def _by_table(plan: PurgePlan) -> dict[str, list[str]]:
    tables: dict[str, list[str]] = {}
    for name in plan.columns:
        table, _, column = name.partition(".")
        tables.setdefault(table, []).append(column)
    return tables


def _columns(connection: Connection, table: str, columns: list[str]) -> str:
    key = inspect(connection).get_pk_constraint(table)["constrained_columns"]
    chosen = ", ".join(f'"{column}"' for column in [*key, *columns])
    filled = " OR ".join(f'"{column}" IS NOT NULL' for column in columns)
    return f'SELECT {chosen} FROM "{table}" WHERE {filled}'  # noqa: S608


def _write(connection: Connection, path: Path, statement: str) -> int:
    rows = 0
    streaming = connection.execution_options(yield_per=BATCH)
    with _open(path) as file:
        for row in streaming.execute(text(statement.replace(":", "\\:"))).mappings():
            file.write(json.dumps(dict(row), default=_plain, ensure_ascii=False) + "\n")
            rows += 1
    return rows


def _open(path: Path) -> Any:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise PurgeRefusedError(
            f"{path} is there already and is not written over. Name an empty folder."
        ) from error
    return os.fdopen(handle, "w", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return "base64:" + base64.b64encode(bytes(value)).decode()
    if isinstance(value, UUID):
        return str(value)
    return str(value)  # Decimal, ranges, addresses: as the database writes them
