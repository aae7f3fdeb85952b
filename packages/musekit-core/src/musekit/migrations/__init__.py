"""What a migration may use: portable types, and the protection of tables. Public, kept stable.

A migration imports `alembic`, `sqlalchemy` and this module, nothing else: models move on, and a
migration must do in three years what it did on its first day. Nothing here is ever changed in a
way that alters an old migration; a new need gets a new name.

    from alembic import op
    from musekit.migrations import SPACE, UTC, UUID, protect

    def upgrade() -> None:
        op.create_table("crm_leads", sa.Column("id", UUID, primary_key=True), SPACE(), …)
        op.create_index("ix_crm_leads_space_id", "crm_leads", ["space_id"])
        protect(op, "crm_leads")

On SQLite only native ADD and DROP COLUMN are used, never a batch rebuild of a table: a rebuild
deletes the children of its rows and loses its triggers. So what may have to be dropped one day
(uniqueness, too) is made as an index with a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

#: Group role of the application's login: subject to every policy.
APP_ROLE = "musekit_app"
#: Group role of the system's login (publisher, cron, token lookup): policies of its own.
SYSTEM_ROLE = "musekit_system"

UUID = sa.Uuid()  #: UUID on PostgreSQL, 32 hexadecimal digits on SQLite
UTC = sa.DateTime(timezone=True)  #: TIMESTAMPTZ; UTC text with microseconds on SQLite
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TEXT_ARRAY = sa.JSON().with_variant(postgresql.ARRAY(sa.Text), "postgresql")

#: The part of a policy that is true for rows of the actor's space.
OWN_SPACE = "space_id = musekit_current_space()"


def SPACE() -> sa.Column[Any]:  # noqa: N802 - stands among column definitions
    """Return the column of a tenant table: ``space_id``, required, gone with its space."""
    return sa.Column(
        "space_id", UUID, sa.ForeignKey("spaces.id", ondelete="CASCADE"), nullable=False
    )


def reference(
    column: str, table: str, *, keep: bool = False, required: bool = True
) -> sa.Column[Any]:
    """Return a column that points to the ``id`` of a table of the core.

    Args:
        column: its name.
        table: what it points to.
        keep: the row outlives what it points to (SET NULL); else it goes with it (CASCADE).
        required: it is never NULL; of no effect with `keep`.
    """
    key = sa.ForeignKey(f"{table}.id", ondelete="SET NULL" if keep else "CASCADE")
    return sa.Column(column, UUID, key, nullable=keep or not required)


def index(
    op: Any, table: str, *columns: str, unique: bool = False, where: str = "", name: str = ""
) -> None:
    """Make an index, named as the models name theirs.

    Args:
        op: Alembic's ``op``.
        table: name of the table.
        columns: names of the columns.
        unique: no two rows are alike in them.
        where: SQL condition on the rows it holds; all, if empty.
        name: for an index of another name than the columns give.
    """
    partial = sa.text(where) if where else None
    op.create_index(
        name or f"ix_{table}_{'_'.join(columns)}", table, list(columns), unique=unique,
        sqlite_where=partial, postgresql_where=partial,
    )  # fmt: skip


def is_postgres(op: Any) -> bool:
    """True when the migration runs on PostgreSQL."""
    return bool(op.get_context().dialect.name == "postgresql")


def protect(
    op: Any,
    table: str,
    *,
    visible: str = OWN_SPACE,
    verbs: Sequence[str] = ("SELECT", "INSERT", "UPDATE", "DELETE"),
) -> None:
    """Put a tenant table behind row level security, forced on its owner too.

    The application's role reaches rows for which `visible` holds, with `verbs` only; the system's
    role reaches all. On SQLite nothing is done: there the guard of the sessions is the wall, and
    it knows a tenant table by its class (`musekit.api.Tenant`).

    Args:
        op: Alembic's ``op``.
        table: name of the table, which has a ``space_id`` unless `visible` says otherwise.
        visible: SQL condition on a row; it also holds for every row written.
        verbs: what the application's role may do.
    """
    if not is_postgres(op):
        return
    for statement in (
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
        f'CREATE POLICY "{table}_app" ON "{table}" TO {APP_ROLE}'
        f" USING ({visible}) WITH CHECK ({visible})",
        f'CREATE POLICY "{table}_system" ON "{table}" TO {SYSTEM_ROLE}'
        " USING (true) WITH CHECK (true)",
        f'GRANT {", ".join(verbs)} ON "{table}" TO {APP_ROLE}',
        f'GRANT SELECT, INSERT, UPDATE, DELETE ON "{table}" TO {SYSTEM_ROLE}',
    ):
        op.execute(statement)


def unprotect(op: Any, table: str) -> None:
    """Undo `protect`. Not needed before dropping the table, which takes its policies along."""
    if not is_postgres(op):
        return
    for statement in (
        f'REVOKE ALL ON "{table}" FROM {APP_ROLE}, {SYSTEM_ROLE}',
        f'DROP POLICY IF EXISTS "{table}_app" ON "{table}"',
        f'DROP POLICY IF EXISTS "{table}_system" ON "{table}"',
        f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY',
    ):
        op.execute(statement)


def system_only(op: Any, table: str, *, readable: bool = False) -> None:
    """Give a table without tenants to the system's role alone.

    Args:
        op: Alembic's ``op``.
        table: name of the table; it holds nothing that belongs to a space.
        readable: let the application's role read it.
    """
    if not is_postgres(op):
        return
    op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON "{table}" TO {SYSTEM_ROLE}')
    if readable:
        op.execute(f'GRANT SELECT ON "{table}" TO {APP_ROLE}')
