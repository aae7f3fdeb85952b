"""How far lineages are, from the files and the version tables alone. No Alembic, no plugin."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from musekit.kernel.advice import Fault
from musekit.kernel.migrations.connection import exists, open_engine, owner_url
from musekit.kernel.migrations.lineage import Lineage, discover, version_table
from musekit.kernel.migrations.ownership import Record, records
from musekit.kernel.settings import CoreSettings

Target = CoreSettings | Engine


def current_revisions(connection: Connection) -> dict[str, str]:
    """Return plugin → revision, for each version table of the database that has a row."""
    prefix = version_table("")
    if connection.dialect.name == "postgresql":
        listing = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    else:
        listing = "SELECT name FROM sqlite_master WHERE type = 'table'"
    tables = sorted(
        name for name in connection.scalars(text(listing)) if str(name).startswith(prefix)
    )
    if not tables:
        return {}
    union = " UNION ALL ".join(
        f"SELECT '{table[len(prefix) :]}', version_num FROM \"{table}\""  # noqa: S608
        for table in tables
        if '"' not in table and "'" not in table
    )
    return {str(name): str(revision) for name, revision in connection.execute(text(union))}


def heads(target: Target) -> dict[str, str]:
    """Return plugin → revision of a database; empty for a SQLite file that does not exist yet."""
    with _connect(target) as connection:
        return current_revisions(connection) if connection is not None else {}


@contextlib.contextmanager
def _connect(target: Target) -> Iterator[Connection | None]:
    if isinstance(target, Engine):
        with target.connect() as connection:
            yield connection
        return
    if not exists(target):
        yield None
        return
    # A web process or worker may have no owner's URL: any login may read the version tables.
    engine = open_engine(target.database_url or owner_url(target))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def pending(target: Target, every: Sequence[Lineage] | None = None) -> dict[str, list[str]]:
    """Return plugin → revisions yet to run, the oldest first; plugins with none are left out.

    Args:
        every: the lineages, where they were read already, here and below.
    """
    current = heads(target)
    found = {}
    for lineage in discover() if every is None else every:
        with contextlib.suppress(KeyError):
            behind = lineage.after(current.get(lineage.name))
            if behind:
                found[lineage.name] = [revision.id for revision in behind]
    return found


def ahead(target: Target, every: Sequence[Lineage] | None = None) -> dict[str, Fault]:
    """Return plugin → what is wrong, for plugins whose schema is newer than the code installed."""
    with _connect(target) as connection:
        if connection is None:
            return {}
        current = current_revisions(connection)
        found = [
            lineage
            for lineage in (discover() if every is None else every)
            if lineage.name in current and not lineage.fault and not _knows(lineage, current)
        ]
        return {each.name: ahead_fault(connection, each, current[each.name]) for each in found}


def recorded(target: Target) -> dict[str, Record]:
    """Return what is kept of every plugin ever seen here, those that are gone included."""
    with _connect(target) as connection:
        return records(connection) if connection is not None else {}


def unreadable(every: Sequence[Lineage] | None = None) -> dict[str, str]:
    """Return plugin → message, for plugins whose lineage cannot be run whatever the database."""
    found = discover() if every is None else every
    return {lineage.name: lineage.fault for lineage in found if lineage.fault}


def _knows(lineage: Lineage, current: dict[str, str]) -> bool:
    return current[lineage.name] in {revision.id for revision in lineage.revisions}


def ahead_fault(connection: Connection, lineage: Lineage, current: str) -> Fault:
    """Say that the database knows a revision that the installed files do not.

    Args:
        connection: by which the record is read of who made it; its transaction may fail.
        lineage: as installed.
        current: the revision of the database.
    """
    maker = None
    # The record is of a newer version, which may keep its records in another way.
    with contextlib.suppress(DBAPIError):
        maker = records(connection).get(lineage.name)
    known = maker is not None and maker.version != lineage.version
    made = f", made by {maker.distribution} {maker.version}" if maker and known else ""
    pip = f" (pip install '{maker.distribution}>={maker.version}')" if maker and known else ""
    return Fault(
        "schema-ahead",
        f"The schema of plugin “{lineage.name}” is ahead: the database is at {current}{made}; "
        f"{lineage.dist} {lineage.version}, which is installed, knows it up to "
        f"{lineage.head or 'nothing'}. Nothing was changed, and nothing is lost.",
        f"Install the version of {lineage.dist} that made it, or a later one{pip}, and restart. Or "
        "go back for good: restore the backup made before the upgrade, which has nothing that was "
        "written since.",
    )
