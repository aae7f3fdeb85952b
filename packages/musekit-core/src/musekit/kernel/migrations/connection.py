"""The owner's connection, the migration lock and the limits migrations run under."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from musekit.kernel.database.session import sqlite_engine, sqlite_url
from musekit.kernel.migrations.errors import LockedError, MigrationError
from musekit.migrations import APP_ROLE, SYSTEM_ROLE

if TYPE_CHECKING:
    from musekit.kernel.settings import CoreSettings

#: Key of the advisory lock: the ASCII of "musekit" as a number. Per database, as they all are.
LOCK_KEY = 0x6D7573656B6974
#: Seconds to wait for another `musekit migrate` to end.
LOCK_WAIT = 120.0
#: A statement of a migration waits this long for a table, then gives way: whoever queues behind
#: a waiting ALTER TABLE waits as long, and that is every request.
TABLE_WAIT = "4s"
#: No statement of a migration may run longer; one that must is better split.
STATEMENT_LIMIT = "30min"


def owner_url(settings: CoreSettings) -> str:
    """Return the URL of the login that migrates."""
    if settings.is_postgres:
        return settings.database_owner_url or settings.database_url
    return sqlite_url(settings)


def system_url(settings: CoreSettings) -> str:
    """Return the URL of the login that sees the rows of every space."""
    if settings.is_postgres:
        return settings.database_system_url or owner_url(settings)
    return sqlite_url(settings)


def open_engine(url: str) -> Engine:
    """Return an engine that keeps no connections."""
    if url.startswith("sqlite"):
        return sqlite_engine(url)
    return create_engine(
        url, poolclass=NullPool, connect_args={"application_name": "musekit migrate"}
    )


def exists(settings: CoreSettings) -> bool:
    """False for a SQLite file that is not there yet: looking must not make it."""
    if settings.is_postgres:
        return True
    file = make_url(sqlite_url(settings)).database
    return bool(file) and Path(str(file)).exists()


@contextlib.contextmanager
def locked(
    settings: CoreSettings, *, wait: float = LOCK_WAIT, foreign_keys: bool = False
) -> Iterator[Connection]:
    """Open the owner's connection and hold the migration lock as long as it is open.

    The connection is not in a transaction: begin one per revision.

    Args:
        wait: seconds to wait for the lock.
        foreign_keys: enforce foreign keys on SQLite, as PostgreSQL always does. Revisions run
            without: with them on, rebuilding a table deletes the rows that refer to it. They
            are checked at the end of each revision instead.

    Raises:
        LockedError: another process held the lock for `wait` seconds.
        MigrationError: the database cannot be reached.
    """
    url = owner_url(settings)
    engine = open_engine(url)
    hold = _hold_postgres if settings.is_postgres else _hold_sqlite
    try:
        with contextlib.ExitStack() as stack:
            try:
                connection = stack.enter_context(engine.connect())
                stack.enter_context(hold(connection, url, wait))
                if not settings.is_postgres:
                    _enforce(connection, foreign_keys)
            except OperationalError as error:
                shown = make_url(url).render_as_string(hide_password=True)
                raise MigrationError(
                    f"The database at {shown} cannot be reached: {error.orig}. Nothing was changed."
                ) from error
            yield connection
    finally:
        engine.dispose()


@contextlib.contextmanager
def _hold_postgres(connection: Connection, url: str, wait: float) -> Iterator[None]:
    # A lock of the session, not of a transaction: it spans one transaction per revision. It needs
    # a direct connection; behind PgBouncer in transaction mode it would guard nothing.
    end = time.monotonic() + wait
    while True:
        with connection.begin():
            got = connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK_KEY})
        if got:
            break
        _wait(end, wait)
    try:
        yield
    finally:
        with contextlib.suppress(Exception):  # a lost connection has lost its lock, too
            connection.rollback()
            with connection.begin():
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_KEY})


@contextlib.contextmanager
def _hold_sqlite(connection: Connection, url: str, wait: float) -> Iterator[None]:
    end = time.monotonic() + wait
    with Path(f"{make_url(url).database}-migrate.lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                _wait(end, wait)
        yield


def _enforce(connection: Connection, foreign_keys: bool) -> None:
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")


def _wait(end: float, wait: float) -> None:
    if time.monotonic() > end:
        raise LockedError(
            f"Another `musekit migrate` has been running for {wait:g} s. Nothing was changed; "
            "wait for it to end, then run this again."
        )
    time.sleep(0.05)


def prepare(connection: Connection) -> None:
    """Set the limits of a migration for the present transaction."""
    if connection.dialect.name != "postgresql":
        return
    connection.execute(
        text(
            "SELECT set_config('lock_timeout', :wait, true),"
            " set_config('statement_timeout', :limit, true),"
            " set_config('idle_in_transaction_session_timeout', '0', true),"
            # A login that is subject to policies without one of its own would change 0 rows and
            # say nothing; so such statements fail instead.
            " set_config('row_security', CASE WHEN pg_has_role(current_user,"
            " (SELECT oid FROM pg_roles WHERE rolname = :system), 'USAGE') THEN 'on' ELSE 'off'"
            " END, true)"
        ),
        {"wait": TABLE_WAIT, "limit": STATEMENT_LIMIT, "system": SYSTEM_ROLE},
    )


def require_roles(connection: Connection) -> None:
    """Raise `MigrationError` if the group roles are missing and this login cannot make them."""
    if connection.dialect.name != "postgresql":
        return
    with connection.begin():
        missing = connection.scalar(
            text(
                "SELECT count(*) < 2 AND NOT (SELECT rolsuper OR rolcreaterole FROM pg_roles"
                " WHERE rolname = current_user)"
                " FROM pg_roles WHERE rolname IN (:app, :system)"
            ),
            {"app": APP_ROLE, "system": SYSTEM_ROLE},
        )
    if missing:
        raise MigrationError(
            f"The roles {APP_ROLE} and {SYSTEM_ROLE} do not exist on this PostgreSQL server. "
            "Nothing was changed; run `musekit migrate --bootstrap-roles ADMIN_URL` once, "
            "with the URL of a login that may create roles."
        )


def transaction_mark(connection: Connection) -> str:
    """Return what stays the same as long as the transaction that the host began is open."""
    if connection.dialect.name == "postgresql":
        return str(connection.scalar(text("SELECT pg_current_xact_id()")))
    driver = connection.connection.driver_connection
    assert driver is not None
    return str(driver.in_transaction)
