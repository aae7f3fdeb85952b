"""What can go wrong with migrations, each naming the plugin and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musekit.kernel.migrations.runner import Step


class MigrationError(Exception):
    """A lineage cannot be read or run.

    Args:
        message: what happened, what was not changed, what to do.
        plugin: entry-point name of the culprit.
        revision: the revision that failed, where one did.
    """

    def __init__(self, message: str, *, plugin: str = "", revision: str = "") -> None:
        super().__init__(message)
        self.plugin = plugin
        self.revision = revision


class SchemaAheadError(MigrationError):
    """The database was migrated by a newer version of the plugin than is installed."""


class ClashError(MigrationError):
    """A revision wants a table, column or other object that belongs to another plugin."""


class LockedError(MigrationError):
    """Another process holds the migration lock, or a table, for too long."""


class MigrationsFailedError(MigrationError):
    """Some lineages failed; those that do not depend on them were migrated all the same.

    `failures` holds one `MigrationError` per failed lineage, `steps` what was done.
    """

    def __init__(self, failures: Sequence[MigrationError], steps: Sequence[Step]) -> None:
        first = failures[0]
        super().__init__(
            "\n".join(str(failure) for failure in failures),
            plugin=first.plugin,
            revision=first.revision,
        )
        self.failures = tuple(failures)
        self.steps = tuple(steps)


class PurgeRefusedError(Exception):
    """A purge would harm something, or was not confirmed. Nothing was changed."""
