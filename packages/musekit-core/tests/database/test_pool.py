"""One small pool, many spaces, errors in between: nothing of one transaction is left to the next
(D6). And SQLite's connections are what they must be."""

import random
import threading

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from musekit.errors import TenancyError
from musekit.kernel.actors import Actor
from musekit.kernel.database.checks import check_roles, check_sqlite
from musekit.kernel.database.session import Database
from musekit.social.models import SocialPost

SYSTEM = Actor.system("test")
SPACES, TRANSACTIONS, THREADS = 50, 200, 4


@pytest.mark.slow
def test_interleaved_transactions_of_many_spaces(settings, make_home) -> None:
    homes = [make_home(f"user{n}") for n in range(SPACES)]
    database = Database(settings.model_copy(update={"database_pool_size": THREADS - 1}))
    foreign, failures, done = [], [], []

    def work(n: int) -> None:
        dice = random.Random(n)
        turns = homes * (TRANSACTIONS // THREADS)
        dice.shuffle(turns)
        for home in turns:
            try:
                transaction(database, home, dice, foreign)
            except Exception as error:
                failures.append(error)
            done.append(1)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    # After all that, a connection nobody claimed sees nothing on either database.
    with database.session(Actor(kind="user", name="nobody")) as session:
        assert session.scalar(select(func.count()).select_from(SocialPost)) == 0
    database.close()
    assert failures == []
    assert foreign == []
    assert len(done) == SPACES * TRANSACTIONS


class Broken(Exception):
    pass


def transaction(database, home, dice, foreign) -> None:
    """Read as one of the spaces, and let some transactions end badly."""
    kind = dice.randrange(8)
    readonly = kind != 7 or dice.random() < 0.9
    try:
        with database.session(home.actor, readonly=readonly) as session:
            rows = session.scalars(select(SocialPost)).all()
            if not rows or {row.space_id for row in rows} != {home.space}:
                foreign.append((home, rows))
            if kind == 0:
                raise Broken
            if kind == 1:
                session.scalar(select(func.no_such_function(1)))
            if kind == 2:
                session.connection().execute(select(SocialPost.__table__))
            if kind == 3:
                session.execute(insert(SocialPost), [{"content": "x"}])
            if kind == 4:
                with session.begin_nested():
                    session.scalars(select(SocialPost)).all()
                session.rollback()
            if kind == 7 and not readonly:
                session.add(SocialPost(user_id=home.user, platform="x", content="x"))
    except (Broken, DBAPIError, TenancyError):
        assert kind in (0, 1, 2, 3)


def test_a_broken_connection_is_replaced(database, ada) -> None:
    if not database.is_postgres:
        pytest.skip("SQLite has no server to lose")
    with database.application.connect() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        connection.commit()
        with database.session(SYSTEM) as session:
            # The system's login may not end the application's connections; its own it may.
            mine = session.scalar(text("SELECT pg_backend_pid()"))
            assert mine != pid
    with database.system.connect() as connection:
        own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        connection.commit()
        with database.system.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:p)"), {"p": own})
        with pytest.raises(OperationalError) as caught:
            connection.execute(text("SELECT 1"))
        assert caught.value.connection_invalidated
    with database.session(SYSTEM) as session:
        assert session.scalar(text("SELECT 1")) == 1


def test_a_connection_that_died_in_the_pool_is_not_handed_out(database) -> None:
    if not database.is_postgres:
        pytest.skip("SQLite has no server to lose")
    for single in (False, True):
        with (
            database.session(SYSTEM, readonly=True) as one,
            database.session(SYSTEM, readonly=True) as other,
        ):
            dead = [each.scalar(text("SELECT pg_backend_pid()")) for each in (one, other)]
        with database.session(SYSTEM) as session:
            mine = session.scalar(text("SELECT pg_backend_pid()"))
            for pid in {*dead} - {mine}:
                assert session.scalar(text("SELECT pg_terminate_backend(:p, 5000)"), {"p": pid})
        # Both are asked for at once, so that the dead one's turn comes.
        with (
            database.session(SYSTEM, readonly=True, single=single) as one,
            database.session(SYSTEM, readonly=True, single=single) as other,
        ):
            alive = {each.scalar(text("SELECT pg_backend_pid()")) for each in (one, other)}
        assert len(alive) == 2
        assert alive & {*dead} <= {mine}


def test_only_the_system_reads_without_a_transaction(database, ada) -> None:
    with database.session(SYSTEM, readonly=True, single=True) as session:
        assert session.scalar(select(func.count()).select_from(SocialPost)) == 1
        raw = session.connection().connection.dbapi_connection
        if database.is_postgres:
            assert raw.info.transaction_status.name == "IDLE"
        else:
            assert not raw.in_transaction
    with pytest.raises(ValueError), database.session(ada.actor, readonly=True, single=True):
        pass
    with pytest.raises(ValueError), database.session(SYSTEM, single=True):
        pass


def test_start_up_checks_of_sqlite(database) -> None:
    if database.is_postgres:
        pytest.skip("of SQLite")
    assert check_roles(database) == []
    assert check_sqlite(database) == []
    with database.system.connect() as connection:
        connection.connection.execute("PRAGMA synchronous=OFF")
    assert any("synchronous" in fault for fault in check_sqlite(database))
