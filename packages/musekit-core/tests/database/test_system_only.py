"""Tables of the system alone: a user's session sees no row of them and writes none."""

import secrets
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Boolean, LargeBinary, Numeric, delete, func, insert, inspect, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import Integer

from musekit.errors import TenancyError
from musekit.kernel.actors import Actor
from musekit.kernel.database.models import Base, SystemOnly
from musekit.kernel.database.types import Json, TextArray, UtcDateTime, utc_now
from musekit.kernel.ids import new_id

SYSTEM = Actor.system("test")
MAPPED = [mapper.class_ for mapper in Base.registry.mappers]
#: The core's; what plugins have of them is tested beside the plugin.
CLASSES = sorted(
    (each for each in MAPPED if issubclass(each, SystemOnly)), key=lambda each: each.__tablename__
)
#: Classes of which a database holds a row from the start.
BORN_WITH_A_ROW = {"organization_settings"}


def add_row(session, model, home, **given):
    """Add a row of any content, and what it must point to; return its first key."""
    filled = dict(given)
    for column in model.__table__.columns:
        needed = not column.nullable and column.default is None
        if column.name == "user_id":
            filled["user_id"] = home.user
        elif needed and column.foreign_keys:
            (key,) = column.foreign_keys
            parent = next(each for each in MAPPED if each.__table__ is key.column.table)
            filled[column.name] = add_row(session, parent, home)
        elif needed:
            filled[column.name] = any_value(column.type)
    row = model(**filled)
    session.add(row)
    session.flush()
    return inspect(row).identity[0]


def any_value(kind):
    if isinstance(kind, UtcDateTime):
        return utc_now() + timedelta(hours=1)
    if kind is Json or kind is TextArray:
        return []
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, Integer | Numeric):
        return secrets.randbelow(1000)
    if isinstance(kind, LargeBinary):
        return secrets.token_bytes(32)
    return new_id() if kind.python_type is UUID else secrets.token_hex(6)


def test_there_are_such_classes() -> None:
    assert len(CLASSES) >= 18
    assert {"one_time_links", "product_grants", "stripe_events", "email_outbox"} <= {
        each.__tablename__ for each in CLASSES
    }


@pytest.mark.parametrize("model", CLASSES, ids=lambda each: each.__tablename__)
def test_a_user_sees_no_row(database, ada, model) -> None:
    with database.session(SYSTEM) as session:
        add_row(session, model, ada)
        there = session.scalar(select(func.count()).select_from(model))
    assert there == 1 + (model.__tablename__ in BORN_WITH_A_ROW)
    for question in (select(model), select(func.count()).select_from(model)):
        if database.is_postgres:  # the application's login may not even ask
            with (
                pytest.raises(DBAPIError, match="permission denied"),
                database.session(ada.actor) as session,
            ):
                session.execute(question)
        else:
            with database.session(ada.actor) as session:
                assert session.execute(question).all() in ([], [(0,)])


@pytest.mark.parametrize("model", CLASSES, ids=lambda each: each.__tablename__)
def test_a_user_writes_no_row(database, ada, model) -> None:
    column = inspect(model).primary_key[0]
    ways = (
        lambda s: s.execute(delete(model)),
        lambda s: s.execute(update(model).values({column: column})),
        lambda s: s.execute(insert(model), [{column.key: any_value(column.type)}]),
        lambda s: s.add(model(**{column.key: any_value(column.type)})),
        lambda s: s.execute(select(model.__table__)),
    )
    for way in ways:
        with pytest.raises(TenancyError), database.session(ada.actor) as session:
            way(session)
