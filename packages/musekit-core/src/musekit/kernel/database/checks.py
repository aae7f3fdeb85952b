"""Is the wall standing? What a process asks the database before it serves anybody."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, text

from musekit.kernel.actors import Actor
from musekit.kernel.advice import Fault
from musekit.kernel.database.engines import SQLITE_PRAGMAS
from musekit.kernel.database.session import Database
from musekit.kernel.database.tenancy import UNIT, Unit
from musekit.migrations import APP_ROLE, SYSTEM_ROLE

_BOOTSTRAP = (
    "Use three logins: name them in the three addresses, then run"
    " `musekit migrate --bootstrap-roles ADMIN_URL`, which makes them."
)

# Roles count that the login could become by SET ROLE, not only those whose rights it has.
_LOGIN = """
SELECT current_user AS name,
       EXISTS (SELECT FROM pg_roles r WHERE r.rolsuper
               AND pg_has_role(current_user, r.oid, 'MEMBER')) AS superuser,
       EXISTS (SELECT FROM pg_roles r WHERE r.rolbypassrls
               AND pg_has_role(current_user, r.oid, 'MEMBER')) AS bypasses,
       EXISTS (SELECT FROM pg_class c WHERE c.relkind IN ('r', 'p')
               AND c.relnamespace = to_regnamespace(quote_ident(current_schema()))
               AND pg_has_role(current_user, c.relowner, 'MEMBER')) AS owner,
       EXISTS (SELECT FROM pg_roles r WHERE r.rolname = :app
               AND pg_has_role(current_user, r.oid, 'USAGE')) AS in_app,
       EXISTS (SELECT FROM pg_roles r WHERE r.rolname = :system
               AND pg_has_role(current_user, r.oid, 'MEMBER')) AS in_system
"""
_OPEN_TABLES = """
SELECT DISTINCT c.relname FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
  AND (a.attname = 'space_id' OR (a.attname IN ('user_id', 'in_space_id') AND EXISTS (
       SELECT FROM pg_roles r WHERE r.rolname = :app
       AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE'))))
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = to_regnamespace(quote_ident(current_schema()))
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
ORDER BY c.relname
"""


def check_roles(database: Database) -> list[Fault]:
    """Return what is wrong with PostgreSQL's logins and row level security; [] when all is well.

    The application's login must be subject to every policy: no superuser, no BYPASSRLS, no owner
    of tables, no member of the system's group. Every table with a ``space_id`` must force row
    level security, and of those that name people or places by ``user_id`` or ``in_space_id`` each
    that the application's login can reach. A host with a fault here refuses to start. On SQLite
    there is nothing to ask.
    """
    if not database.is_postgres:
        return []
    app, system = _login(database.application), _login(database.system)
    faults = []
    for setting, login in (
        ("MUSEKIT_DATABASE_URL", app),
        ("MUSEKIT_DATABASE_SYSTEM_URL", system),
    ):
        what = f"The login “{login['name']}” of {setting}"
        if login["superuser"] or login["bypasses"]:
            faults.append(
                Fault("database-login", f"{what} stands above row level security.", _BOOTSTRAP)
            )
        elif login["owner"] and login is app:
            cause = f"{what} owns tables, so it could switch their protection off."
            faults.append(Fault("database-login", cause, _BOOTSTRAP))
    if not app["in_app"]:
        cause = f"The login “{app['name']}” is not in the group {APP_ROLE}."
        faults.append(Fault("database-login", cause, _BOOTSTRAP))
    if app["in_system"] and not app["superuser"]:
        cause = f"The login “{app['name']}” is in the group {SYSTEM_ROLE}, which sees every space."
        faults.append(Fault("database-login", cause, _BOOTSTRAP))
    if not system["in_system"]:
        cause = (
            f"The login “{system['name']}” is not in the group {SYSTEM_ROLE}: publisher and sign-in"
            " would see no row."
        )
        faults.append(Fault("database-login", cause, _BOOTSTRAP))
    with _unguarded(database.system) as connection:
        tables = connection.scalars(text(_OPEN_TABLES), {"app": APP_ROLE}).all()
    if tables:
        faults.append(
            Fault(
                "open-tables", f"Row level security is not forced on {', '.join(tables)}.",
                "The migration that makes a table calls musekit.migrations.protect(op, table), or"
                " system_only where no space has rows: report it to the plugin's author.",
            )
        )  # fmt: skip
    return faults


def check_sqlite(database: Database) -> list[Fault]:
    """Return what is wrong with SQLite's settings; [] when all is well, or on PostgreSQL."""
    if database.is_postgres:
        return []
    faults = []
    with _unguarded(database.system) as connection:
        for pragma, wanted in SQLITE_PRAGMAS.items():
            found = connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()
            if found != wanted:
                faults.append(
                    Fault(
                        "sqlite-durability",
                        f"SQLite answers {pragma}={found} where {wanted} is needed: a commit might"
                        " not survive a power cut.",
                        "Keep the database on a local disk.",
                    )
                )
    return faults


def _login(engine: Engine) -> Any:
    with _unguarded(engine) as connection:
        values = {"app": APP_ROLE, "system": SYSTEM_ROLE}
        return connection.execute(text(_LOGIN), values).mappings().one()


def _unguarded(engine: Engine) -> Any:
    """Return a connection of that login on which the guard of sessions lets text through."""
    return engine.execution_options(**{UNIT: Unit(Actor.system("checks"))}).connect()
