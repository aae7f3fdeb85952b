"""The rows that are compared are read anew as soon as anything was written, by whomever."""

import pytest
from sqlalchemy import update
from tests.isolation.world import SYSTEM

from musekit.auth.models import User


def rename(world, name, *, rolled_back=False):
    victim = world.people["victim"]
    with world.host.database.session(SYSTEM) as session:
        session.execute(update(User).where(User.id == victim.user_id).values(name=name))
        if rolled_back:
            session.rollback()


def test_a_change_is_seen_at_once(world):
    victim = world.people["victim"]
    before = world.rows_of(victim)
    assert world.rows_of(victim) == before
    for turn in range(20):
        rename(world, f"{turn}")
        after = world.rows_of(victim)
        assert after != before, turn
        assert [table for table in after if after[table] != before.get(table)] == ["users"]
        before = after


def test_what_is_taken_back_is_no_change(world):
    before = world.rows_of(world.people["victim"])
    rename(world, "somebody else", rolled_back=True)
    assert world.rows_of(world.people["victim"]) == before


def test_a_change_by_sql_is_seen_too(world):
    before = world.rows_of(world.people["victim"])
    with world.connect() as connection:
        connection.execute("UPDATE users SET name = 'by SQL'")
    assert world.rows_of(world.people["victim"]) != before


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)  # PostgreSQL counts all databases
def test_while_nothing_is_written_nothing_is_read(world):
    version = world.version()
    for _ in range(3):
        world.http.get(f"{world.url}/healthz")
        world.forget_limits()
    assert world.version() == version
