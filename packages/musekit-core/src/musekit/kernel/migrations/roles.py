"""The logins and group roles of PostgreSQL: who migrates, who serves, who works for every space.

Three logins, taken from the three URLs. The *application* is a member of ``musekit_app`` and sees
the rows of one space. The *system* is a member of ``musekit_system``, whose policies show every
space. The *owner* owns the tables; it is a member of ``musekit_system``, too, because row level
security is forced on owners: without that, data migrations and exports would see 0 rows and say
nothing. None of them is a superuser or bypasses row level security.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, NullPool, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError

from musekit.kernel.migrations.errors import MigrationError
from musekit.migrations import APP_ROLE, SYSTEM_ROLE

if TYPE_CHECKING:
    from musekit.kernel.settings import CoreSettings

#: SQLSTATEs of two processes making the same role or database at once.
_RACES = {"23505", "42710", "42P04", "XX000"}


def bootstrap_roles(settings: CoreSettings, admin_url: str | None = None) -> list[str]:
    """Create or update the roles, the database and its privileges. Idempotent.

    Args:
        admin_url: a login that may create roles and databases, on any database of the server;
            None: the owner's URL, which then must have these rights.

    Returns:
        what was made or confirmed, a line each, without passwords.

    Raises:
        MigrationError: the URLs do not name three logins of one database, or rights are missing.
    """
    app, system, owner = _logins(settings)
    done = []
    url = make_url(admin_url) if admin_url else owner
    try:
        with _autocommit(url) as connection:
            for role in (APP_ROLE, SYSTEM_ROLE):
                _role(connection, role, None)
            for login in (app, system, owner):
                _refuse_superuser(connection, login)
                _role(connection, str(login.username), login.password or "")
            _grant(connection, APP_ROLE, app)
            _grant(connection, SYSTEM_ROLE, system)
            _grant(connection, SYSTEM_ROLE, owner)
            done += [
                f"login {app.username} in {APP_ROLE}",
                f"logins {system.username} and {owner.username} in {SYSTEM_ROLE}",
            ]
            if _create_database(connection, owner):
                done.append(f"database {owner.database}, owned by {owner.username}")
        with _autocommit(url.set(database=owner.database)) as connection:
            _privileges(connection, app, system, owner)
            done.append(f"privileges on database {owner.database}")
    except OperationalError as error:
        raise MigrationError(
            f"PostgreSQL at {url.render_as_string(hide_password=True)} cannot be reached: "
            f"{error.orig}"
        ) from error
    except DBAPIError as error:
        raise MigrationError(
            f"The roles could not be made by login {url.username}: {error.orig}. Running this "
            "again with the URL of a superuser goes on where it stopped."
        ) from error
    return done


def _logins(settings: CoreSettings) -> tuple[URL, URL, URL]:
    named = {
        "MUSEKIT_DATABASE_URL": settings.database_url,
        "MUSEKIT_DATABASE_SYSTEM_URL": settings.database_system_url,
        "MUSEKIT_DATABASE_OWNER_URL": settings.database_owner_url,
    }
    urls = {name: make_url(value) for name, value in named.items() if value}
    users = {url.username for url in urls.values()}
    places = {(url.host, url.port, url.database) for url in urls.values()}
    if len(urls) < 3 or len(users) < 3 or None in users:
        raise MigrationError(
            f"Roles are made from three URLs with a user name of its own each: {', '.join(named)}. "
            "Nothing was changed."
        )
    if len(places) > 1 or not settings.is_postgres:
        raise MigrationError(
            f"{', '.join(named)} must name the same PostgreSQL database. Nothing was changed."
        )
    app, system, owner = urls.values()
    return app, system, owner


def _autocommit(url: URL) -> Any:
    """Return a context that opens a connection on which each statement commits itself."""
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    return engine.connect()


def _run(connection: Connection, statement: str, **names: str) -> None:
    """Run a statement with `{names}` put in as identifiers, or literals where they end in _text."""
    from psycopg import sql  # here, for a start on SQLite imports this module too

    parts = {
        name: sql.Literal(value) if name.endswith("_text") else sql.Identifier(value)
        for name, value in names.items()
    }
    driver = connection.connection.driver_connection
    composed = sql.SQL(statement).format(**parts)
    connection.exec_driver_sql(composed.as_string(driver).replace("%", "%%"))


def _role(connection: Connection, role: str, password: str | None) -> None:
    login = "NOLOGIN" if password is None else "LOGIN"
    known = connection.scalar(
        text("SELECT true FROM pg_roles WHERE rolname = :role"), {"role": role}
    )
    if not known:
        try:
            _run(connection, "CREATE ROLE {role} NOLOGIN", role=role)
        except DBAPIError as error:  # roles are the server's: another database's bootstrap made it
            if getattr(error.orig, "sqlstate", "") not in _RACES:
                raise
    ready = connection.scalar(
        text(
            "SELECT rolcanlogin = :login AND NOT rolcreatedb AND NOT rolcreaterole AND rolinherit"
            " FROM pg_roles WHERE rolname = :role"
        ),
        {"role": role, "login": password is not None},
    )
    if not ready:
        _run(connection, f"ALTER ROLE {{role}} {login} INHERIT NOCREATEDB NOCREATEROLE", role=role)
    if password:
        _run(connection, "ALTER ROLE {role} PASSWORD {secret_text}", role=role,
             secret_text=password)  # fmt: skip


def _refuse_superuser(connection: Connection, login: URL) -> None:
    mighty = connection.scalar(
        text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = :role"),
        {"role": login.username},
    )
    if mighty:
        raise MigrationError(
            f"Login {login.username} is a superuser or bypasses row level security, so no wall "
            "would stand between spaces. Nothing was changed for it; name another login in its URL."
        )


def _grant(connection: Connection, group: str, login: URL) -> None:
    member = connection.scalar(
        text("SELECT pg_has_role(CAST(:login AS name), CAST(:role AS name), 'MEMBER')"),
        {"login": login.username, "role": group},
    )
    if not member:
        _run(connection, "GRANT {group} TO {login}", group=group, login=str(login.username))


def _create_database(connection: Connection, owner: URL) -> bool:
    known = connection.scalar(
        text("SELECT true FROM pg_database WHERE datname = :name"), {"name": owner.database}
    )
    if known:
        return False
    # The creator must be a member of the role that is to own the database (PostgreSQL 15).
    if not connection.scalar(
        text("SELECT pg_has_role(current_user, CAST(:owner AS name), 'MEMBER')"),
        {"owner": owner.username},
    ):
        _run(connection, "GRANT {owner} TO CURRENT_USER", owner=str(owner.username))
    _run(
        connection, "CREATE DATABASE {name} OWNER {owner} ENCODING 'UTF8' TEMPLATE template0",
        name=str(owner.database), owner=str(owner.username),
    )  # fmt: skip
    return True


def _privileges(connection: Connection, app: URL, system: URL, owner: URL) -> None:
    names = {
        "name": str(owner.database), "app": str(app.username), "system": str(system.username),
        "owner": str(owner.username), "app_group": APP_ROLE, "system_group": SYSTEM_ROLE,
    }  # fmt: skip
    # No default privileges on tables: each migration grants what its tables need
    # (`musekit.migrations.protect`), so a table that forgot to is closed, not open.
    for statement in (
        "REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        "GRANT CONNECT ON DATABASE {name} TO {app}, {system}",
        "GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {name} TO {owner}",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO {app_group}, {system_group}",
        "GRANT USAGE, CREATE ON SCHEMA public TO {owner}",
    ):
        _run(connection, statement, **names)
