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
from musekit.kernel.migrations.ownership import Record, record_names
from musekit.kernel.migrations.purge import PurgePlan, export, plan, purge
from musekit.kernel.migrations.roles import bootstrap_roles
from musekit.kernel.migrations.runner import Step, downgrade, migrate, render_sql
from musekit.kernel.migrations.state import ahead, heads, pending, recorded, unreadable

__all__ = [
    "ClashError",
    "Lineage",
    "LockedError",
    "MigrationError",
    "MigrationsFailedError",
    "PurgePlan",
    "PurgeRefusedError",
    "Record",
    "Revision",
    "SchemaAheadError",
    "Step",
    "ahead",
    "bootstrap_roles",
    "discover",
    "downgrade",
    "export",
    "heads",
    "lineages",
    "migrate",
    "pending",
    "plan",
    "purge",
    "record_names",
    "recorded",
    "render_sql",
    "unreadable",
]
