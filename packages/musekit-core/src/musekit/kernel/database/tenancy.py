"""The tenancy guard: no row of another space is read or written, on either database.

On PostgreSQL row level security is the wall and this guard stands before it; on SQLite the guard
is the wall, so it fails closed: what it cannot judge it refuses. What a user's session may run:

* ORM statements (SELECT, UPDATE, DELETE, loads of relationships): the condition of
  `musekit.kernel.database.guard` is added to every guarded class, aliases included.
* ORM inserts and flushes: each row is checked to be of the actor's space.
* Core statements that touch no guarded table. Those that do, and text, raise `TenancyError`,
  also on ``session.connection()``. Work that needs them is the system's.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, Engine, event, inspect
from sqlalchemy.orm import Mapper, ORMExecuteState, Session
from sqlalchemy.orm.attributes import instance_dict, instance_state

from musekit.errors import TenancyError
from musekit.kernel.actors import Actor
from musekit.kernel.database.guard import OwnRowsOption, Verdict, judge_text
from musekit.kernel.database.models import Guarded, Tenant

#: Execution option that carries the unit of work to the connection.
UNIT = "musekit_unit"
#: Execution option that makes the transactions of a plain connection read-only.
READONLY = "musekit_readonly"
#: Execution option of statements checked here, or sent by the engine itself.
CHECKED = "musekit_checked"


class Unit:
    """A unit of work: who acts, whether it may write, and the condition on what it sees.

    `single`: each of its statements is a transaction of its own. `local`: settings of PostgreSQL
    for its time.

    Raises:
        TenancyError: the actor's ids are not UUIDs.
    """

    __slots__ = ("actor", "flushing", "local", "option", "readonly", "single", "space", "user")

    def __init__(
        self,
        actor: Actor,
        *,
        readonly: bool = False,
        single: bool = False,
        local: Mapping[str, str] = {},
    ) -> None:
        self.actor = actor
        self.readonly = readonly
        self.single = single
        self.local = local
        self.user = _checked_id(actor.user_id)
        self.space = _checked_id(actor.space_id)
        self.flushing = False
        self.option = None if actor.is_system else OwnRowsOption(self.user, self.space)

    @property
    def is_system(self) -> bool:
        """True for the system, whose statements are not guarded."""
        return self.option is None


def _checked_id(value: object) -> UUID | None:
    # These become SQL text on PostgreSQL; nothing but a UUID prints as one.
    if value is None or type(value) is UUID:
        return value
    raise TenancyError(f"an actor's ids are UUIDs, not {type(value).__name__}")


#: Connections that nobody opened a unit of work on: they see no guarded row.
NOBODY = Unit(Actor(kind="user", name="nobody"))


class GuardedSession(Session):
    """A session of a user or token. Made by `Database.session` only."""

    @property
    def unit(self) -> Unit:
        """The unit of work this session is."""
        unit: Unit = self.info[UNIT]
        return unit


def guard(engine: Engine) -> None:
    """Make an engine refuse statements that its units of work may not run."""
    event.listen(engine, "before_cursor_execute", _before_cursor_execute)


def _before_cursor_execute(  # noqa: PLR0917 - the event's signature
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
) -> None:
    options = context.execution_options
    unit: Unit = options.get(UNIT) or NOBODY
    if unit.option is None:
        return
    compiled = context.compiled
    checked = options.get(CHECKED) is unit
    if compiled is None:
        if checked:
            return
        verdict = judge_text(statement)
    else:
        verdict = compiled.__dict__.get("_musekit_judged")
        if verdict is None:
            verdict = getattr(compiled, "musekit_verdict", None) or Verdict(opaque=True)
            compiled._musekit_judged = verdict
    if verdict.opaque:
        raise TenancyError(
            "A user's session runs no SQL text: select mapped classes, or act as the system where"
            " the work is the system's."
        )
    if verdict.moves:
        raise TenancyError("A row does not move to another space: space_id is never set again.")
    unchecked = not (checked or unit.flushing)
    if verdict.inserts and unchecked:
        raise TenancyError(_core("insert into", verdict.inserts))
    if verdict.unguarded and (unchecked or not (compiled.isupdate or compiled.isdelete)):
        raise TenancyError(_core("reach", verdict.unguarded))


def _core(verb: str, tables: set[str]) -> str:
    return (
        f"A user's session may {verb} {', '.join(sorted(tables))} by ORM statements on the mapped"
        " class only (no Core table, no bulk UPDATE by primary key): what the guard cannot see it"
        " refuses."
    )


@event.listens_for(GuardedSession, "do_orm_execute")
def _guard_statement(state: ORMExecuteState) -> None:
    if not state.is_orm_statement:
        return  # judged as it is, when it is compiled
    session = state.session
    assert isinstance(session, GuardedSession)
    option = session.unit.option
    assert option is not None
    if state.is_insert:
        _guard_insert(state, session.unit)
        return
    statement: Any = state.statement
    if not any(each is option for each in statement._with_options):
        statement = statement.options(option)
    mapper = state.bind_mapper
    if mapper is not None and issubclass(mapper.class_, Guarded):
        if state.is_update or state.is_delete:
            _demand_writable(mapper.class_)
        elif state.is_column_load:
            # SQLAlchemy adds no criteria when it loads columns of a row it has.
            statement = statement.where(option.condition(mapper, mapper.entity))
    state.statement = statement


def _guard_insert(state: ORMExecuteState, unit: Unit) -> None:
    """Check the rows of ``insert(Model)``; give those without a space the actor's."""
    mapper: Mapper[Any] | None = state.bind_mapper
    if mapper is None or not issubclass(mapper.class_, Guarded):
        return
    statement: Any = state.statement
    name = mapper.class_.__name__
    _demand_writable(mapper.class_)
    if not issubclass(mapper.class_, Tenant) or statement.select is not None:
        raise TenancyError(f"{name}: a user's session inserts rows that it names one by one.")
    for group in statement._multi_values:
        for row in group:
            if not isinstance(row, Mapping):
                raise TenancyError(f"{name}: give rows as mappings, so that their space is seen.")
            _demand_own(row, unit, name, required=True)
    given = dict(statement._values or {})
    _demand_own(given, unit, name)
    parameters = state.parameters
    if isinstance(parameters, Sequence):
        rows = [dict(row) for row in parameters]
    else:
        rows = [dict(parameters or {})]
    for row in rows:
        _demand_own(row, unit, name)
        if not statement._multi_values and not any(_is_space(key) for key in (*given, *row)):
            row["space_id"] = unit.space
    state.parameters = rows if isinstance(parameters, Sequence) else rows[0]
    if statement._post_values_clause is not None:
        state.statement = _guard_upsert(statement, mapper, unit)
    state.update_execution_options(**{CHECKED: unit})


def _guard_upsert(statement: Any, mapper: Mapper[Any], unit: Unit) -> Any:
    """Let ``ON CONFLICT DO UPDATE`` touch rows of the actor's space only."""
    clause = copy.copy(statement._post_values_clause)
    if clause.__visit_name__ != "on_conflict_do_update":
        return statement
    if any(_is_space(key) for key in clause.update_values_to_set):
        raise TenancyError("A row does not move to another space: space_id is never set again.")
    own = mapper.local_table.c.space_id == unit.space
    where = clause.update_whereclause
    clause.update_whereclause = own if where is None else own & where
    statement = statement._clone()
    statement._post_values_clause = clause
    return statement


def _is_space(key: Any) -> bool:
    return getattr(key, "key", key) == "space_id" or getattr(key, "name", None) == "space_id"


def _demand_own(row: Mapping[Any, Any], unit: Unit, name: str, *, required: bool = False) -> None:
    """Raise unless the space a row of values names is the actor's."""
    values = [value for key, value in row.items() if _is_space(key)]
    if required and not values:
        raise TenancyError(f"{name}: a row of several has no space_id.")
    for value in values:
        plain = value.value if isinstance(value, BindParameter) else value
        if unit.space is None or plain != unit.space or type(plain) is not UUID:
            raise TenancyError(f"{name} of space {plain} in a session of {unit.space}")
    if unit.space is None:
        raise TenancyError(f"{name} inserted by an actor that is in no space")


def _demand_writable(model: type[Any]) -> None:
    if not model.musekit_writable:
        raise TenancyError(f"{model.__name__} is written by the system only")


@event.listens_for(GuardedSession, "before_flush")
def _guard_flush(session: GuardedSession, context: Any, instances: Any) -> None:
    unit = session.unit
    for row in session.new:
        if isinstance(row, Guarded) and not row.may_add(row, unit.user, unit.space):
            _demand_writable(type(row))
        if isinstance(row, Tenant):
            if instance_dict(row).get("space_id") is None and unit.space is not None:
                row.space_id = unit.space
            _demand_own({"space_id": row.space_id}, unit, type(row).__name__)
    for row in (*session.dirty, *session.deleted):
        if not isinstance(row, Guarded):
            continue
        if row in session.deleted or session.is_modified(row):
            _demand_writable(type(row))
        # Loaded under the guard: its space was the actor's. It must still say so.
        if "space_id" in instance_state(row).committed_state:
            raise TenancyError(
                f"{type(row).__name__} {inspect(row).identity} does not move to another space."
            )
    unit.flushing = True


@event.listens_for(GuardedSession, "after_flush_postexec")
@event.listens_for(GuardedSession, "after_soft_rollback")
def _flushed(session: GuardedSession, *context: Any) -> None:
    session.unit.flushing = False


@event.listens_for(GuardedSession, "detached_to_persistent")
def _refuse_strangers(session: GuardedSession, row: Any) -> None:
    """Refuse a row of another session: nobody knows under which actor it was loaded."""
    if isinstance(row, Guarded):
        raise TenancyError(
            f"{type(row).__name__} comes from another session. Read it again in this one."
        )
