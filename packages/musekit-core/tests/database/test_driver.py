"""The driver's own connection: lent to the system alone, and back in order whatever happens."""

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from musekit.kernel.actors import Actor
from musekit.kernel.database.session import Database

SYSTEM = Actor.system("test")


def _people(database):
    with database.driver(SYSTEM) as driver:
        return driver.execute("SELECT count(*) FROM users").fetchone()[0]


def _fail_inside(database):
    with database.driver(SYSTEM) as driver:
        for statement in ("BEGIN", "DELETE FROM users", "SELECT 1 / 0"):
            driver.execute(statement)


@pytest.mark.parametrize("backend", ["postgres"])
def test_lent_to_the_system_alone(backend, database, make_home):
    home = make_home("ann")
    with pytest.raises(ValueError, match="system"), database.driver(home.actor):
        pass
    assert _people(database) == 1


@pytest.mark.parametrize("backend", ["sqlite"])
def test_sqlite_has_none(backend, database):
    with pytest.raises(ValueError, match="PostgreSQL"), database.driver(SYSTEM):
        pass


@pytest.mark.parametrize("backend", ["postgres"])
def test_what_was_not_committed_is_rolled_back(backend, database, make_home):
    make_home("ann")
    with database.driver(SYSTEM) as driver:
        driver.execute("BEGIN")
        driver.execute("DELETE FROM users")
    assert _people(database) == 1
    with pytest.raises(psycopg.Error):
        _fail_inside(database)
    assert _people(database) == 1


@pytest.mark.parametrize("backend", ["postgres"])
def test_a_connection_that_breaks_is_not_lent_again(backend, database):
    with pytest.raises(psycopg.OperationalError), database.driver(SYSTEM) as driver:
        driver.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert _people(database) == 0


@pytest.mark.parametrize("backend", ["postgres"])
def test_a_server_that_is_away_is_told_as_everywhere(backend, settings):
    """As SQLAlchemy's error: that is what callers take for passing."""
    away = settings.model_copy(
        update={"database_system_url": "postgresql+psycopg://nobody@127.0.0.1:1/none"}
    )
    database = Database(away)
    with pytest.raises(OperationalError), database.driver(SYSTEM):
        pass
    database.close()
