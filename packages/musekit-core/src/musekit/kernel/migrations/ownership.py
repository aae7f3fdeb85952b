"""Who made what in the database: the catalogue difference of each revision, kept with the plugin.

Kept in ``musekit_plugins.owned`` so that a plugin can be removed when its code is gone:

    {"objects": {"tables": {"crm_leads": "crm_0001"}, "columns": {…}, …},
     "requires": ["passivepost"],         plugins its distribution requires
     "effects": [{…}, …],                 see `musekit.kernel.migrations.effects`
     "jobs": ["social-post", …], "permissions": […]}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Connection, Table, inspect, select

from musekit.kernel.database.system_tables import PluginRecord
from musekit.kernel.database.types import db_now
from musekit.kernel.discovery import CORE
from musekit.kernel.migrations.catalogue import PARTS, Snapshot
from musekit.kernel.migrations.errors import MigrationError
from musekit.kernel.migrations.lineage import Lineage

PLUGINS = cast(Table, PluginRecord.__table__)

Key = tuple[str, str]  #: kind and name of an object in the catalogue


@dataclass
class Record:
    """A row of ``musekit_plugins``."""

    name: str
    distribution: str
    version: str
    revision: str | None
    owned: dict[str, Any] = field(default_factory=dict)

    @property
    def objects(self) -> dict[str, dict[str, str]]:
        """Kind → name → the revision that made it."""
        return cast(dict[str, dict[str, str]], self.owned.setdefault("objects", {}))

    def names(self, kind: str) -> list[str]:
        """Return what it owns of a kind, sorted."""
        return sorted(self.objects.get(kind, {}))

    def everything(self) -> set[Key]:
        """Return (kind, name) of all it owns."""
        return {(kind, name) for kind, names in self.objects.items() for name in names}

    def strings(self, key: str) -> list[str]:
        """Return a list of names kept under `key`: requires, jobs, permissions."""
        return [str(each) for each in self.owned.get(key, ())]


def has_table(connection: Connection) -> bool:
    """True when the core is migrated far enough to keep records."""
    return inspect(connection).has_table(PLUGINS.name)


def records(connection: Connection) -> dict[str, Record]:
    """Return every plugin ever migrated or seen here, by name; empty before the core's first."""
    if not has_table(connection):
        return {}
    columns = PLUGINS.c
    rows = connection.execute(
        select(
            columns.name, columns.distribution, columns.version, columns.revision, columns.owned
        ).order_by(columns.name)
    )
    return {row.name: Record(row.name, row.distribution, row.version, row.revision, row.owned or {})
            for row in rows}  # fmt: skip


def owner_of(known: Mapping[str, Record], key: Key) -> str | None:
    """Return which plugin owns an object; a part nobody made alone belongs with its table."""
    kind, name = key
    for record in known.values():
        if name in record.objects.get(kind, {}):
            return record.name
    if kind in PARTS:
        return owner_of(known, ("tables", name.partition(".")[0]))
    return None


def record_step(
    connection: Connection,
    lineage: Lineage,
    *,
    revision: str,
    head: str | None,
    before: Snapshot,
    after: Snapshot,
) -> None:
    """Record what a revision made and removed, in the transaction that ran it.

    Args:
        revision: what ran; new objects are entered under it.
        head: where the lineage stands now; None: at its base.

    Raises:
        MigrationError: the revision removed or changed what belongs to another plugin. The core
            may do so: its tables are what others build on.
    """
    known = records(connection)
    removed = before.names() - after.names()
    if lineage.name != CORE:
        _refuse_meddling(known, lineage, revision, removed | after.changed_since(before))
    own = known.setdefault(lineage.name, Record(lineage.name, lineage.dist, lineage.version, None))
    own.distribution, own.version, own.revision = lineage.dist, lineage.version, head
    touched = {lineage.name}
    for record in known.values():
        for kind, name in record.everything() & removed:
            del record.objects[kind][name]
            touched.add(record.name)
    for kind, name in sorted(after.added_since(before)):
        own.objects.setdefault(kind, {})[name] = revision
    if has_table(connection):
        for name in sorted(touched):
            _save(connection, known[name])


def _refuse_meddling(
    known: Mapping[str, Record], lineage: Lineage, revision: str, keys: Iterable[Key]
) -> None:
    for key in sorted(keys):
        owner = owner_of(known, key)
        if owner not in {None, lineage.name}:
            raise MigrationError(
                f"Migration {revision} of plugin “{lineage.name}” ({lineage.dist} "
                f"{lineage.version}) removes or changes {key[1]} ({key[0]}), which belongs to "
                f"plugin “{owner}”. It was rolled back. On SQLite a batch rebuild of a table "
                "does this, too: use native ADD COLUMN and DROP COLUMN.",
                plugin=lineage.name,
                revision=revision,
            )


def record_seen(
    connection: Connection, found: Sequence[Lineage], effects: Mapping[str, list[dict[str, Any]]]
) -> None:
    """Note for each installed plugin its distribution, version, requirements and purge effects.

    Args:
        effects: plugin → what is to happen when certain other plugins are purged.
    """
    known = records(connection)
    if not has_table(connection):
        return
    for lineage in found:
        record = known.get(lineage.name) or Record(lineage.name, "", "", None)
        record.distribution, record.version = lineage.dist, lineage.version
        record.owned["requires"] = [each for each in lineage.needs if each != CORE]
        record.owned["effects"] = effects.get(lineage.name, [])
        _save(connection, record)


def record_names(connection: Connection, names: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
    """Note what plugins declare at run time, so that a purge finds it once the code is gone.

    Args:
        names: plugin → ``{"jobs": [...], "permissions": [...]}``. Unchanged rows are not written.
    """
    for name, record in records(connection).items():
        told = {key: sorted(values) for key, values in names.get(name, {}).items()}
        if any(record.owned.get(key) != values for key, values in told.items()):
            record.owned.update(told)
            _save(connection, record)


def _save(connection: Connection, record: Record) -> None:
    values = {
        "distribution": record.distribution, "version": record.version,
        "revision": record.revision, "owned": record.owned, "last_seen_at": db_now(),
    }  # fmt: skip
    where = PLUGINS.c.name == record.name
    if not connection.execute(PLUGINS.update().where(where).values(values)).rowcount:
        connection.execute(PLUGINS.insert().values(name=record.name, **values))
