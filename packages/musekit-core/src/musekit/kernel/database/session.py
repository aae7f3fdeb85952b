"""Engines and sessions. A session is bound to an actor, and the edge that opens it commits it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.orm import Session, sessionmaker

from musekit.kernel.actors import Actor
from musekit.kernel.database import tenancy
from musekit.kernel.settings import CoreSettings


class Database:
    """The two logins of a process: the application's and the system's (one file on SQLite).

    Open a unit of work by `session`. Nothing else in the project commits.
    """

    def __init__(self, settings: CoreSettings) -> None:
        self.is_postgres = settings.is_postgres
        if self.is_postgres:
            self.url = settings.database_url
            self.system_url = settings.database_system_url or settings.database_url
        else:
            self.url = self.system_url = sqlite_url(settings)
        self.application = self._engine(self.url, settings)
        self.system = (
            self._engine(self.system_url, settings) if self.is_postgres else self.application
        )
        self._sessions = sessionmaker(class_=Session, expire_on_commit=False)

    def _engine(self, url: str, settings: CoreSettings) -> Engine:
        if not self.is_postgres:
            return sqlite_engine(url)
        return create_engine(
            url, pool_size=settings.database_pool_size, max_overflow=10, pool_pre_ping=True
        )

    @contextlib.contextmanager
    def session(self, actor: Actor, *, readonly: bool = False) -> Iterator[Session]:
        """Open a unit of work as `actor`; commit at the end, roll back on an error.

        Args:
            actor: whose rows may be touched. A user or token without a space sees none.
            readonly: takes no write lock on SQLite, and the database refuses writes on
                PostgreSQL.

        Raises:
            TenancyError: a statement would leave the actor's space.
        """
        engine = self.system if actor.is_system else self.application
        options = {tenancy.ACTOR: actor, tenancy.READONLY: readonly}
        with self._sessions(bind=engine.execution_options(**options)) as session:
            tenancy.bind(session, actor)
            with session.begin():
                yield session

    def close(self) -> None:
        """Close all connections."""
        self.application.dispose()
        self.system.dispose()


def sqlite_url(settings: CoreSettings) -> str:
    """Return the URL of the database file, by default ``<data-dir>/musekit.db``."""
    if settings.database_url:
        return settings.database_url
    Path(settings.data_dir).mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{Path(settings.data_dir).resolve() / 'musekit.db'}"


def sqlite_engine(url: str) -> Engine:
    """Return an engine whose connections are durable (WAL, FULL) and check foreign keys."""
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's BEGIN below, not the driver's own
        for pragma in (
            "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000",
        ):  # fmt: skip
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # A unit of work that writes takes its lock at once: a lock asked for half-way cannot be
        # waited for (SQLITE_BUSY_SNAPSHOT).
        readonly = connection.get_execution_options().get(tenancy.READONLY)
        connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")

    return engine


def wait_until_ready(engine: Engine) -> None:
    """Run one statement, so that a wrong address is reported at start and not at first use."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
