"""Migrations of the core and of plugins: one lineage and one version table each.

Start at `runner` (migrate), `state` (what is pending), `ownership` (who made what), `purge`.
"""

from musekit.kernel.migrations.errors import (
    ClashError,
    LockedError,
    MigrationError,
    MigrationsFailedError,
    PurgeRefusedError,
    SchemaAheadError,
)
from musekit.kernel.migrations.lineage import Lineage, Revision, discover, lineages
from musekit.kernel.migrations.runner import Step, downgrade, migrate, render_sql
from musekit.kernel.migrations.state import ahead, heads, pending, unreadable

__all__ = [
    "ClashError",
    "Lineage",
    "LockedError",
    "MigrationError",
    "MigrationsFailedError",
    "PurgeRefusedError",
    "Revision",
    "SchemaAheadError",
    "Step",
    "ahead",
    "discover",
    "downgrade",
    "heads",
    "lineages",
    "migrate",
    "pending",
    "render_sql",
    "unreadable",
]
