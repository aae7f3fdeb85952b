"""The database of a process. A session is bound to an actor; the edge that opens it commits it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from musekit.kernel.actors import Actor
from musekit.kernel.database.engines import judging, postgres_engine, sqlite_engine
from musekit.kernel.database.express import ExpressUnit
from musekit.kernel.database.tenancy import NOBODY, UNIT, GuardedSession, Unit
from musekit.kernel.settings import CoreSettings

__all__ = ["Database", "sqlite_engine", "sqlite_url", "wait_until_ready"]


class Database:
    """The two logins of a process: the application's and the system's (one file on SQLite).

    Open a unit of work by `session`. Nothing else in the project commits. A connection taken from
    `application` without one belongs to nobody and sees no row of any space.
    """

    def __init__(self, settings: CoreSettings) -> None:
        self.is_postgres = settings.is_postgres
        size = settings.database_pool_size
        system = {UNIT: Unit(Actor.system("database"))}
        if self.is_postgres:
            self.url = settings.database_url
            self.system_url = settings.database_system_url or settings.database_url
            application = postgres_engine(self.url, pool_size=size, name="musekit app")
            self.system = postgres_engine(
                self.system_url, pool_size=size, name="musekit system"
            ).execution_options(**system)
        else:
            self.url = self.system_url = sqlite_url(settings)
            application = sqlite_engine(self.url, pool_size=size)
            self.system = application.execution_options(**system)
        self.application: Engine = judging(application).execution_options(**{UNIT: NOBODY})

    @contextlib.contextmanager
    def session(
        self,
        actor: Actor,
        *,
        readonly: bool = False,
        single: bool = False,
        local: Mapping[str, str] = {},
    ) -> Iterator[Session]:
        """Open a unit of work as `actor`; commit at the end, roll back on an error.

        Nothing is sent before the first statement.

        Args:
            actor: whose rows may be touched. A user or token without a space sees none.
            readonly: takes no write lock on SQLite; both databases refuse writes.
            single: for what the system reads at every request: each statement is a transaction of
                its own, which saves the round trips of BEGIN and COMMIT. Only with `readonly`,
                which is then a promise: PostgreSQL would not refuse a write.
            local: settings of PostgreSQL that hold for this unit of work, such as
                ``synchronous_commit``; constants of the caller's code. They cost no round trip.

        Raises:
            TenancyError: the actor is malformed, or a statement would leave the actor's space.
            ValueError: `single` by anybody but the system, or without `readonly`; or a malformed
                setting.
        """
        unit = Unit(actor, readonly=readonly, single=single, local=local)
        if single and not (unit.is_system and readonly):
            raise ValueError("only the system reads without a transaction")
        kind, engine = (
            (Session, self.system) if unit.is_system else (GuardedSession, self.application)
        )
        with (
            kind(
                engine, expire_on_commit=False, info={UNIT: unit}, execution_options={UNIT: unit}
            ) as session,
            session.begin(),
        ):
            yield session

    @contextlib.contextmanager
    def express(self, actor: Actor, *, local: Mapping[str, str] = {}) -> Iterator[ExpressUnit]:
        """Open a unit of work of the system on PostgreSQL, in few round trips; commit at the end.

        An error takes back what is not committed.

        Args:
            local: as for `session`.

        Raises:
            ValueError: for another actor, whose rows nothing would guard; on SQLite; or a
                malformed setting.
        """
        if not self.is_postgres or not Unit(actor).is_system:
            raise ValueError("an express unit of work is the system's alone, and of PostgreSQL")
        with self.system.connect() as lent:
            driver = lent.connection.driver_connection
            assert driver is not None
            unit = ExpressUnit(driver, self.system.dialect, local)
            try:
                yield unit
                unit.finish()
            except BaseException:
                if driver.closed:
                    lent.invalidate()  # nothing to roll back
                raise

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


def wait_until_ready(engine: Engine) -> None:
    """Run one statement, so that a wrong address is reported at start and not at first use."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
