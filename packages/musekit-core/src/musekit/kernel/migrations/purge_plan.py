"""What a purge of a plugin would remove, found without its code: from the records alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, bindparam, inspect, text

from musekit.kernel import discovery
from musekit.kernel.discovery import CORE
from musekit.kernel.migrations import visibility
from musekit.kernel.migrations.catalogue import KINDS, PARTS, Snapshot, snapshot
from musekit.kernel.migrations.connection import exists
from musekit.kernel.migrations.effects import Effect, effects_for
from musekit.kernel.migrations.errors import PurgeRefusedError
from musekit.kernel.migrations.lineage import Lineage, discover
from musekit.kernel.migrations.ownership import Record, records

if TYPE_CHECKING:
    from musekit.kernel.settings import CoreSettings

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class PurgePlan:
    """What would go. `refusals` says why it may not; empty: it may."""

    name: str
    distribution: str
    version: str
    tables: Mapping[str, int]  #: table → rows
    virtual: frozenset[str]  #: those of `tables` that are SQLite's virtual tables
    columns: Sequence[str]  #: ``table.column`` on tables of others
    objects: Mapping[str, Sequence[str]]  #: kind → names: triggers on tables of others, functions…
    parked_jobs: int
    settings_rows: Mapping[str, int]  #: table of the core → rows kept for the plugin
    effects: Sequence[tuple[Effect, int]]  #: what its product wants done, and to how many rows
    files: Path | None  #: folder of its files, if there is one
    file_count: int
    file_bytes: int
    dependants: Sequence[str]
    refusals: Sequence[str]
    record: Record
    settings: CoreSettings = field(repr=False, compare=False)

    @property
    def rows(self) -> int:
        """Rows in the tables that would be dropped."""
        return sum(self.tables.values())


def plan(settings: CoreSettings, name: str) -> PurgePlan:
    """Find out what a purge of `name` would do. Changes nothing.

    Raises:
        PurgeRefusedError: nothing is known of such a plugin, or it is the core.
    """
    if not exists(settings):
        raise PurgeRefusedError("There is no database yet, so there is nothing to purge.")
    with visibility.reader(settings) as connection, connection.begin():
        return survey(connection, settings, name)


def survey(connection: Connection, settings: CoreSettings, name: str) -> PurgePlan:
    """Do the work of `plan` on a connection, within its transaction."""
    if name == CORE:
        raise PurgeRefusedError("The core cannot be purged: drop the database instead.")
    if not _NAME.fullmatch(name):
        raise PurgeRefusedError(f"“{name}” is not the name of a plugin.")
    known = records(connection)
    stands = snapshot(connection)
    record = known.get(name)
    effects = effects_for(name, known, connection.dialect.name)
    counted = [(effect, effect.rows(connection)) for effect in effects]
    folder = discovery.plugins_dir(settings.data_dir) / name
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    if record is None and not files and not any(rows for _, rows in counted):
        raise PurgeRefusedError(
            f"Nothing is recorded of a plugin “{name}”. `musekit plugins list` shows what is."
        )
    record = record or Record(name, name.replace("_", "-"), "", None)
    tables = [table for table in record.names("tables") if table in stands.of("tables")]
    blind = visibility.blind_tables(connection, tables)
    dependants = _dependants(connection, name, tables, known, stands)
    return PurgePlan(
        name=name,
        distribution=record.distribution,
        version=record.version,
        tables=count_rows(connection, [each for each in tables if each not in blind]),
        virtual=frozenset(t for t in tables if stands.of("tables")[t] == "virtual"),
        columns=_beyond(record, "columns", tables, stands),
        objects={
            kind: found
            for kind in KINDS
            if kind not in {"tables", "columns"}
            and (found := _beyond(record, kind, tables, stands))
        },
        parked_jobs=_parked(connection, record.strings("jobs")),
        settings_rows=_settings_rows(connection, name, known, stands),
        effects=counted,
        files=folder if folder.is_dir() else None,
        file_count=len(files),
        file_bytes=sum(path.stat().st_size for path in files),
        dependants=dependants,
        refusals=[
            *_enabled(settings, name),
            *(f"{each} depends on it: purge that first" for each in dependants),
            *(f"{e.title}: {rows}. {e.refuse}" for e, rows in counted if e.refuse and rows),
            *(
                f"table {table} does not show all its rows to login "
                f"{connection.engine.url.username}: run `musekit migrate --bootstrap-roles "
                "ADMIN_URL`, or give the table policies by musekit.migrations.protect"
                for table in blind
            ),
        ],
        record=record,
        settings=settings,
    )


def count_rows(connection: Connection, tables: Sequence[str]) -> dict[str, int]:
    """Count the rows of tables in one round trip."""
    if not tables:
        return {}
    union = " UNION ALL ".join(
        f"SELECT '{table}', count(*) FROM \"{table}\""  # noqa: S608 - names from the catalogue
        for table in tables
    )
    return {str(table): int(rows) for table, rows in connection.execute(text(union))}


def _enabled(settings: CoreSettings, name: str) -> list[str]:
    found = {each.name for each in discovery.installed()}
    off = discovery.disabled(settings.data_dir, settings.disabled_plugins)
    if name in found and name not in off:
        return [
            f"it is installed and enabled: uninstall it, or `musekit plugins disable {name}`, "
            "and restart every process first"
        ]
    return []


def _beyond(record: Record, kind: str, tables: Iterable[str], stands: Snapshot) -> list[str]:
    """Return what it owns of a kind that does not go with a table of its own."""
    own = set(tables)
    return [
        name
        for name in record.names(kind)
        if name in stands.of(kind) and not (kind in PARTS and name.partition(".")[0] in own)
    ]


def _dependants(
    connection: Connection,
    name: str,
    tables: Sequence[str],
    known: Mapping[str, Record],
    stands: Snapshot,
) -> list[str]:
    found = {each.name for each in known.values() if name in each.strings("requires")}
    installed: list[Lineage] = [each for each in discover() if name in each.needs]
    found |= {each.name for each in installed}
    look = inspect(connection)
    owners = {table: each.name for each in known.values() for table in each.names("tables")}
    for table in stands.of("tables"):
        if table not in tables and stands.of("tables")[table] != "virtual":
            for key in look.get_foreign_keys(table):
                if key["referred_table"] in tables:
                    found.add(owners.get(table, f"table {table}"))
    return sorted(found - {name})


def _parked(connection: Connection, jobs: Sequence[str]) -> int:
    if not jobs:
        return 0
    statement = text("SELECT count(*) FROM parked_jobs WHERE name IN :jobs").bindparams(
        bindparam("jobs", expanding=True)
    )
    return int(connection.scalar(statement, {"jobs": list(jobs)}) or 0)


def _settings_rows(
    connection: Connection, name: str, known: Mapping[str, Record], stands: Snapshot
) -> dict[str, int]:
    """Count rows in tables of the core with a column ``plugin``: what it keeps for plugins."""
    core = known[CORE].names("tables") if CORE in known else []
    kept = {}
    for table in core:
        if f"{table}.plugin" in stands.of("columns"):
            statement = text(f'SELECT count(*) FROM "{table}" WHERE plugin = :name')  # noqa: S608
            kept[table] = int(connection.scalar(statement, {"name": name}) or 0)
    return {table: rows for table, rows in kept.items() if rows}
