"""Remove all that a plugin owns, by the records alone: its code may be long gone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.exc import DBAPIError

from musekit.kernel.migrations.connection import locked, prepare
from musekit.kernel.migrations.errors import MigrationError, PurgeRefusedError
from musekit.kernel.migrations.export import export
from musekit.kernel.migrations.lineage import version_table
from musekit.kernel.migrations.ownership import PLUGINS, has_table
from musekit.kernel.migrations.purge_plan import PurgePlan, plan, survey

if TYPE_CHECKING:
    from musekit.kernel.settings import CoreSettings

__all__ = ["PurgePlan", "export", "plan", "purge"]


def purge(
    settings: CoreSettings, name: str, *, confirm: str, export_to: Path | None = None
) -> PurgePlan:
    """Drop what a plugin owns, in one transaction under the migration lock.

    In order: what its product wants done to rows of the core (`effects`), its objects on tables of
    others, its tables, its functions, its version table, parked jobs, rows kept for it, its
    record; after the commit its files.

    Args:
        confirm: the plugin's name again, typed by a person.
        export_to: folder to export to first; must hold no earlier export.

    Returns:
        what was removed, as it stood at the moment of removal.

    Raises:
        PurgeRefusedError: with every reason. Nothing was changed.
        MigrationError: the database refused a statement. Nothing was changed.
    """
    if confirm != name:
        raise PurgeRefusedError(
            f"The confirmation “{confirm}” is not the name “{name}”. Nothing was changed."
        )
    with locked(settings, foreign_keys=True) as connection:
        if export_to is not None:
            first = plan(settings, name)
            _refuse(first)
            export(first, export_to)
        try:
            with connection.begin():
                prepare(connection)
                found = survey(connection, settings, name)
                _refuse(found)
                if export_to is not None and dict(found.tables) != dict(first.tables):
                    raise PurgeRefusedError(
                        f"Rows of “{name}” changed while they were exported, so some process still "
                        "runs it. Nothing was deleted; restart every process and try again."
                    )
                _remove(connection, found)
        except DBAPIError as error:
            raise MigrationError(
                f"The purge of “{name}” was rolled back, nothing was changed: {error.orig}",
                plugin=name,
            ) from error
    if found.files is not None:
        shutil.rmtree(found.files)
    return found


def _refuse(found: PurgePlan) -> None:
    if found.refusals:
        reasons = "; ".join(found.refusals)
        raise PurgeRefusedError(
            f"“{found.name}” was not purged, and nothing was changed: {reasons}."
        )


def _remove(connection: Connection, found: PurgePlan) -> None:
    for effect, _ in found.effects:
        effect.apply(connection)
    drops = _sqlite_drops if connection.dialect.name == "sqlite" else _postgres_drops
    for statement in drops(found):
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{version_table(found.name)}"')
    if jobs := found.record.strings("jobs"):
        connection.execute(
            text("DELETE FROM parked_jobs WHERE name IN :jobs").bindparams(
                bindparam("jobs", expanding=True)
            ),
            {"jobs": jobs},
        )
    for table in found.settings_rows:
        connection.execute(
            text(f'DELETE FROM "{table}" WHERE plugin = :name'),  # noqa: S608
            {"name": found.name},
        )
    if has_table(connection):
        connection.execute(PLUGINS.delete().where(PLUGINS.c.name == found.name))


def _parts(found: PurgePlan, kind: str) -> list[tuple[str, str]]:
    """Return (table, part) of what it owns of a kind on tables of others."""
    names = found.columns if kind == "columns" else found.objects.get(kind, ())
    return [(table, part) for table, _, part in (name.partition(".") for name in names)]


def _postgres_drops(found: PurgePlan) -> list[str]:
    drops = [f'DROP POLICY IF EXISTS "{p}" ON "{t}"' for t, p in _parts(found, "policies")]
    drops += [f'DROP TRIGGER IF EXISTS "{p}" ON "{t}"' for t, p in _parts(found, "triggers")]
    for view in found.objects.get("views", ()):
        drops.append(f'DROP VIEW IF EXISTS "{view}"')
    drops += [
        f'ALTER TABLE "{t}" DROP CONSTRAINT IF EXISTS "{p}"'
        for t, p in _parts(found, "constraints")
    ]
    drops += [f'DROP INDEX IF EXISTS "{p}"' for _, p in _parts(found, "indexes")]
    drops += [f'ALTER TABLE "{t}" DROP COLUMN IF EXISTS "{p}"' for t, p in _parts(found, "columns")]
    if found.tables:
        # One statement, so that tables may refer to each other in any way; not CASCADE, so that
        # what somebody else hung on to them stops the purge instead of vanishing.
        drops.append("DROP TABLE " + ", ".join(f'"{table}"' for table in found.tables))
    for routine in found.objects.get("functions", ()):
        name, _, arguments = routine.partition("(")
        drops.append(f'DROP ROUTINE IF EXISTS "{name}"({arguments}')
    drops += [f'DROP SEQUENCE IF EXISTS "{name}"' for name in found.objects.get("sequences", ())]
    drops += [f'DROP TYPE IF EXISTS "{name}"' for name in found.objects.get("types", ())]
    return drops


def _sqlite_drops(found: PurgePlan) -> list[str]:
    # Triggers first, also those of its own tables: an append-only guard must not stop the DELETEs.
    # Rows before tables, with foreign keys judged at the end: DROP TABLE would judge them at once,
    # in whatever order the tables come.
    triggers = [name.partition(".")[2] for name in found.record.names("triggers")]
    drops = ["PRAGMA defer_foreign_keys=ON"]
    drops += [f'DROP TRIGGER IF EXISTS "{name}"' for name in triggers]
    drops += [f'DROP VIEW IF EXISTS "{name}"' for name in found.objects.get("views", ())]
    drops += [f'DROP INDEX IF EXISTS "{part}"' for _, part in _parts(found, "indexes")]
    drops += [f'ALTER TABLE "{t}" DROP COLUMN "{part}"' for t, part in _parts(found, "columns")]
    # Shadow tables go with the virtual table whose name they begin with.
    shadows = {
        table
        for table in found.tables
        for other in found.tables
        if table != other and table.startswith(f"{other}_") and other in found.virtual
    }
    tables = [table for table in found.tables if table not in shadows]
    drops += [f'DELETE FROM "{table}"' for table in tables if table not in found.virtual]  # noqa: S608
    drops += [f'DROP TABLE IF EXISTS "{table}"' for table in tables]
    return drops
