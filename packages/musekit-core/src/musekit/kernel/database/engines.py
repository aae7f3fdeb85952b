"""Engines: durable connections, and transactions that begin with what they are."""

from __future__ import annotations

import functools
import re
import select
from typing import Any

from sqlalchemy import Engine, create_engine, event

from musekit.kernel.database import tenancy
from musekit.kernel.database.guard import PostgresCompiler, SqliteCompiler

#: What every connection to SQLite must answer; `checks.check_sqlite` asks.
SQLITE_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def sqlite_engine(url: str, *, pool_size: int = 10) -> Engine:
    """Return an engine whose connections are durable (WAL, FULL) and check foreign keys.

    Transactions begin IMMEDIATE: one that writes takes its lock at once, because a lock asked for
    half-way cannot be waited for (SQLITE_BUSY_SNAPSHOT). Those of read-only units take none, and
    SQLite refuses their writes.
    """
    engine = create_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": 30, "check_same_thread": False},
        pool_size=pool_size,
        max_overflow=10,
    )

    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # the BEGIN below, not the driver's own
        for pragma, value in SQLITE_PRAGMAS.items():
            connection.execute(f"PRAGMA {pragma}={value}")
        record.info["query_only"] = False

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        unit, readonly = _kind_of(connection)
        if connection.info.get("query_only") is not readonly:
            connection.connection.execute(f"PRAGMA query_only={int(readonly)}")
            connection.info["query_only"] = readonly
        if unit is not None and unit.single:
            return  # the driver begins and ends a transaction with the statement
        connection.exec_driver_sql(
            "BEGIN" if readonly else "BEGIN IMMEDIATE",
            execution_options={tenancy.CHECKED: unit},
        )

    return engine


def postgres_engine(url: str, *, pool_size: int = 10, name: str = "musekit") -> Engine:
    """Return an engine whose transactions tell the database their actor as they begin.

    BEGIN and the settings go in one message, so a guarded transaction costs no further round
    trip. ``SET LOCAL`` ends with the transaction: a connection of the pool, also of PgBouncer in
    transaction mode, carries nothing over.
    """
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=10,
        pool_pre_ping=True,
        hide_parameters=True,  # an error may be logged: texts and ciphertexts are not for logs
        # The driver begins nothing by itself; `begin` does.
        connect_args={"autocommit": True, "application_name": name},
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        unit, readonly = _kind_of(connection)
        if unit is not None and unit.single:
            return  # the server begins and ends a transaction with the statement
        statement = "BEGIN READ ONLY" if readonly else "BEGIN"
        if unit is not None:
            statement += "".join(_set_local(each) for each in unit.local.items())
        if unit is not None and not unit.is_system:
            # `Unit` has made sure that these are UUIDs.
            statement += (
                f"; SET LOCAL musekit.user_id = '{unit.user or ''}'"
                f"; SET LOCAL musekit.space_id = '{unit.space or ''}'"
            )
        connection.exec_driver_sql(
            statement, execution_options={tenancy.CHECKED: unit, "no_parameters": True}
        )

    engine.dialect.do_ping = _is_silent  # type: ignore[assignment, method-assign]
    return engine


@functools.cache
def _set_local(local: tuple[str, str]) -> str:
    name, value = setting(local)
    return f"; SET LOCAL {name} = '{value}'"


def setting(local: tuple[str, str]) -> tuple[str, str]:
    """Return a setting of PostgreSQL and its value, which become SQL text.

    Raises:
        ValueError: it is none.
    """
    name, value = local
    if not (re.fullmatch(r"[a-z_]+", name) and re.fullmatch(r"\w+", value)):
        raise ValueError(f"not a setting of PostgreSQL: {name!r} = {value!r}")
    return local


def _is_silent(connection: Any) -> bool:
    """Say whether a connection of the pool still stands, without asking the server.

    A server says nothing to an idle client but that it ends the connection. The round trip of a
    ping would cost each unit of work a tenth of its time.
    """
    if connection.closed:
        return False
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return not waiting.poll(0)


def _kind_of(connection: Any) -> tuple[tenancy.Unit | None, bool]:
    """Return the unit of work of a connection, if it has one, and whether it only reads."""
    options = connection.get_execution_options()
    unit: tenancy.Unit | None = options.get(tenancy.UNIT)
    return unit, bool(options.get(tenancy.READONLY)) or (unit is not None and unit.readonly)


def judging(engine: Engine) -> Engine:
    """Give an engine the compiler that judges statements, and the guard that reads its verdict."""
    postgres = engine.dialect.name == "postgresql"
    engine.dialect.statement_compiler = PostgresCompiler if postgres else SqliteCompiler
    tenancy.guard(engine)
    return engine
