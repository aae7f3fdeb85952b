"""Units of work in few round trips: the system's alone, and whole or not at all."""

import pytest
from sqlalchemy.exc import DataError, OperationalError

from musekit.kernel.actors import Actor
from musekit.kernel.database.session import Database

SYSTEM = Actor.system("test")
COUNT = ("SELECT count(*) FROM users", {}, True)
DELETE = ("DELETE FROM users WHERE name <> %(name)s", {"name": "nobody"}, False)
FAIL = ("SELECT 1 / 0", {}, True)


def _people(database):
    with database.express(SYSTEM) as unit:
        return unit.send(COUNT)[0][0][0]


@pytest.mark.parametrize("backend", ["postgres"])
def test_of_the_system_alone(backend, database, make_home):
    home = make_home("ann")
    with pytest.raises(ValueError, match="system"), database.express(home.actor):
        pass
    assert _people(database) == 1


@pytest.mark.parametrize("backend", ["sqlite"])
def test_sqlite_has_none(backend, database):
    with pytest.raises(ValueError, match="PostgreSQL"), database.express(SYSTEM):
        pass


@pytest.mark.parametrize("backend", ["postgres"])
def test_committed_at_the_end_or_with_the_last(backend, database, make_home):
    make_home("ann")
    with database.express(SYSTEM) as unit:
        assert unit.send(DELETE, COUNT) == [[], [(0,)]]
    assert _people(database) == 0
    make_home("ben")
    with database.express(SYSTEM) as unit:
        unit.send(DELETE, last=True)
        assert _people(database) == 0


def _fail(database, *, last):
    with database.express(SYSTEM) as unit:
        unit.send(DELETE, FAIL, last=last)


@pytest.mark.parametrize("backend", ["postgres"])
@pytest.mark.parametrize("last", [False, True])
def test_what_fails_is_taken_back_whole(backend, last, database, make_home):
    make_home("ann")
    with pytest.raises(DataError):
        _fail(database, last=last)
    assert _people(database) == 1


@pytest.mark.parametrize("backend", ["postgres"])
def test_settings_hold_for_the_unit_alone(backend, database):
    shown = ("SHOW jit", {}, True)
    with database.express(SYSTEM, local={"jit": "off"}) as unit:
        assert unit.send(shown) == [[("off",)]]
    with database.express(SYSTEM) as unit:
        assert unit.send(shown) == [[("on",)]]
    with pytest.raises(ValueError, match="not a setting"):
        _set(database, {"role": "x'; DROP TABLE users; --"})


def _set(database, local):
    with database.express(SYSTEM, local=local) as unit:
        unit.send(COUNT)


@pytest.mark.parametrize("backend", ["postgres"])
def test_a_connection_that_breaks_is_not_used_again(backend, database):
    with pytest.raises(OperationalError), database.express(SYSTEM) as unit:
        unit.send(("SELECT pg_terminate_backend(pg_backend_pid())", {}, True))
    assert _people(database) == 0


@pytest.mark.parametrize("backend", ["postgres"])
def test_a_server_that_is_away_is_told_as_everywhere(backend, settings):
    """As SQLAlchemy's error: that is what callers take for passing."""
    away = settings.model_copy(
        update={"database_system_url": "postgresql+psycopg://nobody@127.0.0.1:1/none"}
    )
    database = Database(away)
    with pytest.raises(OperationalError), database.express(SYSTEM):
        pass
    database.close()


def test_errors_show_no_values(database):
    """What goes wrong is logged; a person's text or a token's ciphertext is not for logs."""
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    with pytest.raises(DBAPIError) as told, database.session(SYSTEM) as session:
        session.execute(text("INSERT INTO nowhere VALUES (:words)"), {"words": "canary-words"})
    assert "canary-words" not in str(told.value)
