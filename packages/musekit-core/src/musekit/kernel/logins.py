"""Do the database's logins and tables keep tenants apart? Asked at start, on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Engine, text

from musekit.kernel.actors import Actor
from musekit.kernel.database.tenancy import UNIT, Unit
from musekit.migrations import SYSTEM_ROLE

if TYPE_CHECKING:
    from musekit.kernel.database.session import Database

_LOGIN = text(
    "SELECT rolname, rolsuper, rolbypassrls, EXISTS (SELECT FROM pg_roles WHERE rolname = :system)"
    " AND pg_has_role(current_user, (SELECT oid FROM pg_roles WHERE rolname = :system), 'USAGE')"
    " AS sees_all, EXISTS (SELECT FROM pg_tables WHERE schemaname = current_schema()"
    " AND tableowner = current_user) AS owns FROM pg_roles WHERE rolname = current_user"
)
_OPEN = text(
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'space_id' AND NOT a.attisdropped"
    " WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')"
    " AND NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY 1"
)


def faults(database: Database) -> list[str]:
    """Return what is wrong with the logins and with row level security; empty on SQLite."""
    if not database.is_postgres:
        return []
    found = []
    application = _ask(database.application)
    if application["sees_all"]:
        found.append(
            f"The login {application['rolname']} of MUSEKIT_DATABASE_URL is a member of"
            f" {SYSTEM_ROLE} and sees every space. Use the application's login there."
        )
    for setting, engine in (
        ("MUSEKIT_DATABASE_URL", database.application),
        ("MUSEKIT_DATABASE_SYSTEM_URL", database.system),
    ):
        login = _ask(engine)
        rights = [
            words
            for key, words in (
                ("rolsuper", "is a superuser"),
                ("rolbypassrls", "bypasses row level security"),
                ("owns", "owns tables"),
            )
            if login[key]
        ]
        if rights:
            found.append(
                f"The login {login['rolname']} of {setting} {' and '.join(rights)}. Make the three"
                " logins with `musekit migrate --bootstrap-roles ADMIN_URL`."
            )
    with database.system.connect() as connection:
        open_tables = list(connection.scalars(_OPEN))
    if open_tables:
        found.append(
            f"Row level security is not forced on {', '.join(open_tables)}. Run `musekit migrate`;"
            " if it stays, the plugin's migration lacks musekit.migrations.protect."
        )
    return found


def _ask(engine: Engine) -> dict[str, object]:
    # It asks about the login, not about rows: the guard of users' sessions does not apply.
    asking = engine.execution_options(**{UNIT: Unit(Actor.system("start"))})
    with asking.connect() as connection:
        return dict(connection.execute(_LOGIN, {"system": SYSTEM_ROLE}).mappings().one())
