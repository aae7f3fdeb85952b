"""The audit log's table: added to by whom it speaks of, and never changed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from musekit.audit.models import AuditEntry
from musekit.errors import TenancyError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.ids import new_id

SYSTEM = Actor.system("test")


def entry(home, **values):
    own = {"actor_kind": "user", "actor_user_id": home.user, "in_space_id": home.space}
    return AuditEntry(**(own | {"action": "thing.done"} | values))


def test_one_adds_what_one_does_where_one_is(database, ada, bob) -> None:
    with database.session(ada.actor) as session:
        session.add(entry(ada))
        session.flush()
        assert len(session.scalars(select(AuditEntry)).all()) == 1
    with database.session(bob.actor) as session:
        assert session.scalars(select(AuditEntry)).all() == []
    if database.is_postgres:
        direct_insert(database, ada, {"actor_user_id": ada.user, "in_space_id": ada.space})


@pytest.mark.parametrize("forged", ["space", "no space", "person", "nobody"])
def test_nobody_speaks_for_others(database, ada, bob, forged) -> None:
    values = {
        "space": {"in_space_id": bob.space}, "no space": {"in_space_id": None},
        "person": {"actor_user_id": bob.user}, "nobody": {"actor_user_id": None},
    }[forged]  # fmt: skip
    with pytest.raises(TenancyError), database.session(ada.actor) as session:
        session.add(entry(ada, **values))
    for actor in (ada.actor, replace(ada.actor, space_id=None)):
        with pytest.raises(TenancyError), database.session(actor) as session:
            session.execute(insert(AuditEntry), [{"action": "x", "actor_kind": "user"}])
    if database.is_postgres:  # the policy says the same to whoever passes the guard
        row = {"actor_user_id": ada.user, "in_space_id": ada.space} | values
        with pytest.raises(DBAPIError, match="row-level security"):
            direct_insert(database, ada, row)


def direct_insert(database, home, row) -> None:
    engine = create_engine(database.url)
    columns = {
        "id": new_id(), "at": utc_now(), "actor_kind": "user", "via": "", "action": "x",
        "target_kind": "", "target_id": "", "ip": "", "request_id": "", **row,
    }  # fmt: skip
    with engine.connect() as connection:
        connection.execute(
            text("SELECT set_config('musekit.space_id', :s, true),"
                 " set_config('musekit.user_id', :u, true)"),
            {"s": str(home.space), "u": str(home.user)},
        )  # fmt: skip
        names = ", ".join(columns)
        places = ", ".join(f":{each}" for each in columns)
        connection.execute(
            text(f"INSERT INTO audit_log ({names}, detail) VALUES ({places}, '{{}}')"), columns
        )


def rename(session) -> None:
    session.scalars(select(AuditEntry)).one().action = "nothing.happened"


#: Ways to alter an entry.
WAYS = {
    "change": lambda s: s.execute(update(AuditEntry).values(action="nothing.happened")),
    "delete": lambda s: s.execute(delete(AuditEntry)),
    "change by attribute": rename,
    "delete by object": lambda s: s.delete(s.scalars(select(AuditEntry)).one()),
}


@pytest.mark.parametrize("way", WAYS)
def test_entries_stay_as_they_are(database, ada, way) -> None:
    with database.session(SYSTEM) as session:
        session.add(entry(ada))
    for actor, errors in ((SYSTEM, DBAPIError), (ada.actor, (TenancyError, DBAPIError))):
        with pytest.raises(errors), database.session(actor) as session:
            WAYS[way](session)
    with database.session(SYSTEM) as session:
        assert session.scalars(select(AuditEntry.action)).all() == ["thing.done"]


def test_only_what_is_older_than_400_days_goes(database, ada) -> None:
    old, young = utc_now() - timedelta(days=401), utc_now() - timedelta(days=399)
    with database.session(SYSTEM) as session:
        session.add_all([entry(ada, at=old), entry(ada, at=young)])
    with database.session(SYSTEM) as session:
        session.execute(delete(AuditEntry).where(AuditEntry.at < utc_now() - timedelta(days=400)))
    with pytest.raises(DBAPIError, match="neither changed nor deleted"), \
            database.session(SYSTEM) as session:  # fmt: skip
        session.execute(delete(AuditEntry))
    with database.session(SYSTEM) as session:
        assert session.scalars(select(AuditEntry.at)).all() == [young]
