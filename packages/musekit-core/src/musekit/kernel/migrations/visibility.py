"""Can this login see every row? Under forced row level security an owner sees none, silently."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, event, text

from musekit.kernel.database.tenancy import READONLY
from musekit.kernel.migrations.connection import open_engine, owner_url, prepare, system_url
from musekit.migrations import SYSTEM_ROLE

if TYPE_CHECKING:
    from musekit.kernel.settings import CoreSettings


@contextlib.contextmanager
def reader(settings: CoreSettings) -> Iterator[Connection]:
    """Open a connection for counts and exports that sees the rows of every space.

    The owner's, if it is in the system's group (as `bootstrap_roles` makes it) or above policies;
    else the system's. Transactions are read-only and see one moment of the database.
    """
    engine = open_engine(owner_url(settings))
    try:
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(engine.connect())
            if settings.is_postgres and not _is_system(connection):
                connection.close()
                engine.dispose()
                engine = open_engine(system_url(settings))
                connection = stack.enter_context(engine.connect())
            if settings.is_postgres:
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
                event.listen(connection, "begin", prepare)
            else:
                connection = connection.execution_options(**{READONLY: True})
            yield connection
    finally:
        engine.dispose()


def _is_system(connection: Connection) -> bool:
    with connection.begin():
        return bool(
            connection.scalar(
                text(
                    "SELECT rolsuper OR rolbypassrls OR EXISTS (SELECT FROM pg_roles s WHERE"
                    " s.rolname = :system AND pg_has_role(current_user, s.oid, 'USAGE'))"
                    " FROM pg_roles WHERE rolname = current_user"
                ),
                {"system": SYSTEM_ROLE},
            )
        )


def blind_tables(connection: Connection, tables: Sequence[str]) -> list[str]:
    """Return those tables of which this login would not see every row.

    A table under row level security is seen whole by a login above policies, by its owner unless
    forced, and by a role with a permissive policy ``USING (true)``.
    """
    if connection.dialect.name != "postgresql" or not tables:
        return []
    found = connection.scalars(
        text(
            """
            SELECT c.relname FROM pg_class c
            JOIN pg_roles me ON me.rolname = current_user
            WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema()))
              AND c.relname = ANY(:tables) AND c.relrowsecurity
              AND NOT (me.rolsuper OR me.rolbypassrls)
              AND (c.relforcerowsecurity OR NOT pg_has_role(me.oid, c.relowner, 'USAGE'))
              AND NOT EXISTS (
                SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive
                AND p.polcmd IN ('*', 'r') AND pg_get_expr(p.polqual, p.polrelid) = 'true'
                AND (0 = ANY(p.polroles) OR EXISTS (SELECT FROM unnest(p.polroles) AS r(role)
                     WHERE r.role <> 0 AND pg_has_role(me.oid, r.role, 'USAGE'))))
            ORDER BY c.relname
            """
        ),
        {"tables": list(tables)},
    )
    return [str(name) for name in found]
