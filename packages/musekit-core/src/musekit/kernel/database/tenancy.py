"""The tenancy guard: no row of another space is read or written, on either database.

On PostgreSQL row level security is the wall and this guard stands before it; on SQLite the guard
is the wall, so it fails closed: what it cannot judge it refuses.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, text
from sqlalchemy.orm import (
    ORMExecuteState,
    Session,
    SessionTransaction,
    UOWTransaction,
    with_loader_criteria,
)

from musekit.errors import TenancyError
from musekit.kernel.actors import Actor
from musekit.kernel.database.models import Tenant

#: Execution options that carry the actor and the kind of a unit of work to the connection.
ACTOR = "musekit_actor"
READONLY = "musekit_readonly"


def bind(session: Session, actor: Actor) -> None:
    """Bind a session to its actor. Called once, by `Database.session`."""
    session.info[ACTOR] = actor
    event.listen(session, "after_begin", _tell_database)
    if not actor.is_system:
        event.listen(session, "do_orm_execute", _guard_statement)
        event.listen(session, "before_flush", _guard_flush)


def _tell_database(session: Session, transaction: SessionTransaction, connection: Any) -> None:
    """Set the actor for PostgreSQL's policies, for this transaction only."""
    if connection.dialect.name != "postgresql":
        return
    actor: Actor = session.info[ACTOR]
    connection.execute(
        text(
            "SELECT set_config('musekit.user_id', :user, true),"
            " set_config('musekit.space_id', :space, true),"
            " set_config('transaction_read_only', :readonly, true)"
        ),
        {
            "user": str(actor.user_id or ""),
            "space": str(actor.space_id or ""),
            "readonly": "on" if connection.get_execution_options().get(READONLY) else "off",
        },
    )


def _guard_statement(state: ORMExecuteState) -> None:
    if not state.is_orm_statement:
        raise TenancyError(
            "A user's session runs ORM statements only: select mapped classes, or act as the"
            " system where the work is the system's."
        )
    actor: Actor = state.session.info[ACTOR]
    space = actor.space_id
    state.statement = state.statement.options(
        with_loader_criteria(
            Tenant,
            lambda entity: entity.space_id == space,
            include_aliases=True,
            propagate_to_loaders=True,
        )
    )


def _guard_flush(session: Session, context: UOWTransaction, instances: Any) -> None:
    actor: Actor = session.info[ACTOR]
    for row in [*session.new, *session.dirty, *session.deleted]:
        if not isinstance(row, Tenant):
            continue
        if row.space_id is None and row in session.new:
            row.space_id = actor.space_id  # type: ignore[assignment]
        if actor.space_id is None or row.space_id != actor.space_id:
            raise TenancyError(
                f"{type(row).__name__} of space {row.space_id} in a session of {actor.space_id}"
            )
