"""Run lineages: the core's first, one transaction per revision, under the migration lock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from musekit.kernel.discovery import CORE, disabled
from musekit.kernel.migrations import faults, ownership, scripts
from musekit.kernel.migrations.catalogue import snapshot
from musekit.kernel.migrations.connection import (
    locked,
    prepare,
    require_roles,
    transaction_mark,
)
from musekit.kernel.migrations.effects import read_effects
from musekit.kernel.migrations.errors import (
    MigrationError,
    MigrationsFailedError,
    SchemaAheadError,
)
from musekit.kernel.migrations.lineage import Lineage, Revision, lineages, selected
from musekit.kernel.migrations.state import ahead_fault, current_revisions, heads
from musekit.migrations import APP_ROLE, SYSTEM_ROLE

if TYPE_CHECKING:
    from musekit.kernel.settings import CoreSettings

#: How often a revision is tried when a table cannot be had, and the pause in between, seconds.
TRIES, PAUSE = 5, 1.0


@dataclass(frozen=True, kw_only=True)
class Step:
    """One revision that was run."""

    plugin: str
    revision: str
    direction: scripts.Direction
    summary: str
    seconds: float


Progress = Callable[[Step], None]


def migrate(
    settings: CoreSettings,
    plugins: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> list[Step]:
    """Bring lineages to their heads. Idempotent, and safe to run in many processes at once.

    Args:
        plugins: limits it to these, the core and what they require; None: every plugin that is
            not disabled.
        progress: told of each revision after its commit.

    Returns:
        the revisions run by this call, in order.

    Raises:
        MigrationsFailedError: naming each lineage that failed; the others are migrated.
        MigrationError: nothing could be started at all (`LockedError`: by another migrate).
    """
    chosen = selected(plugins, skip=disabled(settings.data_dir, settings.disabled_plugins))
    steps: list[Step] = []
    failures: dict[str, MigrationError] = {}
    effects: dict[str, list[dict[str, Any]]] = {}
    with locked(settings) as connection:
        require_roles(connection)
        for lineage in chosen:
            try:
                for step in _upgrade(connection, lineage, failures):
                    steps.append(step)
                    if progress:
                        progress(step)
                effects[lineage.name] = read_effects(lineage)
            except MigrationError as error:
                failures.setdefault(lineage.name, error)
                if lineage.name == CORE:
                    break
        sound = [each for each in chosen if each.name not in failures]
        if CORE not in failures:
            with connection.begin():
                prepare(connection)
                ownership.record_seen(connection, sound, effects)
    if failures:
        raise MigrationsFailedError(list(failures.values()), steps)
    return steps


def _upgrade(
    connection: Connection, lineage: Lineage, failures: dict[str, MigrationError]
) -> Iterator[Step]:
    if lineage.fault:
        raise MigrationError(lineage.fault, plugin=lineage.name)
    missing = [name for name in lineage.needs if name in failures]
    if missing:
        raise MigrationError(
            f"Plugin “{lineage.name}” was not migrated: it requires “{missing[0]}”, which failed.",
            plugin=lineage.name,
        )
    with connection.begin():
        current = current_revisions(connection).get(lineage.name)
    try:
        behind = lineage.after(current)
    except KeyError:
        with connection.begin():
            fault = ahead_fault(connection, lineage, str(current))
        raise SchemaAheadError(fault, plugin=lineage.name, revision=str(current)) from None
    for revision in behind:
        yield _step(connection, lineage, revision, revision.id, "up")


def downgrade(settings: CoreSettings, plugin: str, progress: Progress | None = None) -> list[Step]:
    """Take a plugin's lineage down to its base, revision by revision: its data is deleted.

    For tests and for authors; operators use `musekit plugins purge`, which exports first.

    Raises:
        MigrationError: another lineage that requires this one is not at its base.
    """
    every = lineages()
    lineage = next(each for each in lineages([plugin]) if each.name == plugin)
    steps = []
    with locked(settings) as connection:
        with connection.begin():
            at = current_revisions(connection)
        current = at.get(plugin)
        above = [each.name for each in every if plugin in each.needs and each.name in at]
        if current and above:
            raise MigrationError(
                f"Plugin “{plugin}” cannot be taken down: {', '.join(above)} stands on it. "
                "Nothing was changed; take that down first.",
                plugin=plugin,
            )
        done = [each for each in lineage.revisions if each not in lineage.after(current)]
        for revision in reversed(done if current else []):
            step = _step(connection, lineage, revision, revision.down or "base", "down")
            steps.append(step)
            if progress:
                progress(step)
    return steps


def _step(
    connection: Connection,
    lineage: Lineage,
    revision: Revision,
    target: str,
    direction: scripts.Direction,
) -> Step:
    """Run one revision in a transaction of its own, together with the record of what it made."""
    started = time.monotonic()
    for tried in range(1, TRIES + 1):
        try:
            with connection.begin():
                _run(connection, lineage, revision.id, target, direction)
            break
        except MigrationError:
            raise
        except (Exception, SystemExit) as error:
            if faults.is_lock_timeout(error) and tried < TRIES:
                time.sleep(PAUSE)
                continue
            with connection.begin():
                known = ownership.records(connection)
            raise faults.translate(error, lineage, revision.id, known) from error
    return Step(
        plugin=lineage.name,
        revision=revision.id,
        direction=direction,
        summary=revision.summary,
        seconds=time.monotonic() - started,
    )


def _run(
    connection: Connection, lineage: Lineage, revision: str, target: str,
    direction: scripts.Direction,
) -> None:  # fmt: skip
    prepare(connection)
    mark, before = transaction_mark(connection), snapshot(connection)
    scripts.run(connection, lineage, target, direction)
    if transaction_mark(connection) != mark:
        raise MigrationError(
            f"Migration {revision} of plugin “{lineage.name}” ended the host's transaction by a "
            "COMMIT of its own, so what it did up to there stayed. Restore the backup, and ask "
            "its author to leave transactions to the host.",
            plugin=lineage.name,
            revision=revision,
        )
    head = None if target == "base" else target
    after = snapshot(connection)
    ownership.record_step(
        connection, lineage, revision=revision, head=head, before=before, after=after
    )
    if connection.dialect.name == "sqlite":
        _check_references(connection, lineage, revision)
    else:
        table = f'"{lineage.version_table}"'
        connection.execute(text(f"GRANT SELECT ON {table} TO {APP_ROLE}, {SYSTEM_ROLE}"))


def _check_references(connection: Connection, lineage: Lineage, revision: str) -> None:
    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
    if broken:
        tables = ", ".join(sorted({str(row[0]) for row in broken}))
        raise MigrationError(
            f"Migration {revision} of plugin “{lineage.name}” leaves {len(broken)} rows of "
            f"{tables} that refer to rows which are gone. It was rolled back.",
            plugin=lineage.name,
            revision=revision,
        )


def render_sql(settings: CoreSettings, plugins: Sequence[str] | None = None) -> str:
    """Return the SQL of everything pending, for reading and review; nothing is run.

    Raises:
        MigrationError: a lineage cannot be read.
    """
    current = heads(settings)
    dialect = "postgresql" if settings.is_postgres else "sqlite"
    parts = [
        "-- For review. Apply by `musekit migrate`: it also records which plugin owns what,\n"
        "-- without which `musekit plugins purge` cannot work.\n"
    ]
    for lineage in lineages(plugins):
        body = scripts.render(lineage, dialect, current.get(lineage.name))
        if body:
            parts.append(f"-- {lineage.name} ({lineage.dist} {lineage.version})\n{body}")
    return "\n".join(parts)
