"""The guard's SQL: the condition added to statements, and a compiler that notices its absence.

Two halves that check one another. `OwnRows` is the condition "this row is the actor's", put by an
ORM option on every guarded class of a statement. The compilers here note, scope by scope, each
guarded table that is rendered and each condition that is; a table left without one makes the
statement unfit for a user's session (`Verdict`), however it was built. A statement is judged when
it is compiled, and compiled statements are cached: judging costs nothing per execution.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, Uuid, inspect
from sqlalchemy.dialects.postgresql.psycopg import PGCompiler_psycopg
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.util import LoaderCriteriaOption
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import Grouping

from musekit.kernel.database.models import Guarded

#: Words by which a piece of SQL text reaches a table. Text is not parsed: what has one is refused.
_REACHING = re.compile(
    r"\b(from|join|into|update|delete|insert|replace|table|pragma|attach|copy|call|do|execute|set"
    r"|reset|set_config|alter|drop|create|grant|vacuum|lock|merge|truncate)\b",
    re.IGNORECASE,
)


class OwnRows(Grouping[bool]):
    """The condition that rows of `target`'s table are the actor's; renders in parentheses."""

    __visit_name__ = "musekit_own_rows"
    _traverse_internals = [
        *Grouping._traverse_internals,
        ("target", visitors.InternalTraversal.dp_clauseelement),
    ]
    inherit_cache = None
    target: ColumnElement[Any]

    def __init__(self, target: Any, condition: ColumnElement[bool]) -> None:
        super().__init__(condition)
        element = target.__clause_element__() if hasattr(target, "__clause_element__") else target
        self.target = element


class OwnRowsOption(LoaderCriteriaOption):
    """A loader criteria option (`with_loader_criteria`) for all guarded classes and one actor.

    SQLAlchemy's own takes one lambda for one base and analyses it for each session; this one asks
    the class for its condition, and only when a statement is compiled.
    """

    __slots__ = ("space", "user")
    _traverse_internals = [
        ("root_entity", visitors.ExtendedInternalTraversal.dp_plain_obj),
        ("user", visitors.InternalTraversal.dp_clauseelement),
        ("space", visitors.InternalTraversal.dp_clauseelement),
    ]
    inherit_cache = None

    def __init__(self, user: UUID | None, space: UUID | None) -> None:
        self.user: BindParameter[Any] = BindParameter(None, user, type_=_UUID, unique=True)
        self.space: BindParameter[Any] = BindParameter(None, space, type_=_UUID, unique=True)
        self.root_entity = Guarded
        self.entity = None
        self.deferred_where_criteria = False
        self.where_criteria = self.space
        self._where_crit_orig = None
        self.include_aliases = True
        self.propagate_to_loaders = True

    def __reduce__(self) -> Any:
        raise TypeError("an actor's option is not pickled: read the rows again in a new session")

    def condition(self, mapper: Mapper[Any], entity: Any) -> ColumnElement[bool]:
        """Return the condition for a mapped class, on the columns of it or of an alias."""
        first = mapper.get_property_by_column(mapper.primary_key[0]).key
        return OwnRows(
            getattr(entity, first), mapper.class_.visible_to(entity, self.user, self.space)
        )

    def _resolve_where_criteria(self, ext_info: Any) -> ColumnElement[bool]:
        # Not annotated as the original does: that serves criteria which select mapped classes
        # again (ours never do), and makes each execution compare its parameters the slow way.
        return self.condition(ext_info.mapper, ext_info.entity)


_UUID = Uuid()


@dataclass
class Verdict:
    """What the compiler saw of a statement.

    `unguarded`: guarded tables read or written without the condition. `inserts`: guarded tables
    inserted into. `opaque`: SQL text that may reach a table. `moves`: sets a ``space_id``.
    """

    unguarded: set[str] = field(default_factory=set)
    inserts: set[str] = field(default_factory=set)
    opaque: bool = False
    moves: bool = False


def judge_text(text: str) -> Verdict:
    """Judge SQL text that no compiler has seen."""
    return Verdict(opaque=bool(_REACHING.search(text)))


def is_guarded(table: Any) -> bool:
    """True for a table of a guarded class, and for any other that has a ``space_id``."""
    return "space_id" in table.c or table.name in {
        mapper.local_table.name  # type: ignore[attr-defined]
        for mapper in guarded_mappers()
    }


def guarded_mappers() -> Iterator[Mapper[Any]]:
    """Return the mappers of all guarded classes imported so far."""
    pending = list(Guarded.__subclasses__())
    while pending:
        each = pending.pop()
        mapper = inspect(each, raiseerr=False)
        if mapper is not None:
            yield mapper
        pending.extend(each.__subclasses__())


class _Judging:
    """Mixed into a dialect's compiler: notes guarded tables and conditions while rendering."""

    stack: list[Any]
    isplaintext: bool

    @property
    def musekit_verdict(self) -> Verdict:
        """The verdict on the compiled statement."""
        verdict = self._notes
        for rendered, guarded in self.__dict__.pop("_musekit_scopes", ()):
            verdict.unguarded |= {table for name, table in rendered if name not in guarded}
        return verdict

    @property
    def _notes(self) -> Verdict:
        verdict: Verdict = self.__dict__.setdefault("_musekit_verdict", Verdict())
        return verdict

    def _scope(self) -> tuple[set[tuple[str, str]], set[str]]:
        """Return (rendered, guarded) of the SELECT, UPDATE or DELETE being rendered."""
        entry = self.stack[-1] if self.stack else self.__dict__
        scope: tuple[set[tuple[str, str]], set[str]] | None = entry.get("_musekit_scope")
        if scope is None:
            scope = entry["_musekit_scope"] = (set(), set())
            self.__dict__.setdefault("_musekit_scopes", []).append(scope)
        return scope

    def visit_table(self, table: Any, asfrom: bool = False, **kw: Any) -> Any:
        if (asfrom or kw.get("within_tstring")) and is_guarded(table):
            alias = kw.get("enclosing_alias")
            name = table.name if alias is None or alias.element is not table else alias.name
            self._scope()[0].add((str(name), table.name))
        return super().visit_table(table, asfrom=asfrom, **kw)  # type: ignore[misc]

    def visit_musekit_own_rows(self, element: OwnRows, **kw: Any) -> Any:
        table: Any = element.target.table
        self._scope()[1].add(str(table.name))
        return self.visit_grouping(element, **kw)  # type: ignore[attr-defined]

    def visit_insert(self, insert_stmt: Any, **kw: Any) -> Any:
        if is_guarded(insert_stmt.table):
            self._notes.inserts.add(insert_stmt.table.name)
        return super().visit_insert(insert_stmt, **kw)  # type: ignore[misc]

    def visit_update(self, update_stmt: Any, **kw: Any) -> Any:
        names = {getattr(each, "name", each) for each in update_stmt._values or ()}
        if "space_id" in names or "space_id" in (getattr(self, "column_keys", None) or ()):
            self._notes.moves = True
        return super().visit_update(update_stmt, **kw)  # type: ignore[misc]

    def visit_textclause(self, textclause: Any, *args: Any, **kw: Any) -> Any:
        self._judge(textclause.text)
        return super().visit_textclause(textclause, *args, **kw)  # type: ignore[misc]

    def visit_tstring_text(self, element: Any, **kw: Any) -> Any:
        self._judge(element.text)
        return super().visit_tstring_text(element, **kw)  # type: ignore[misc]

    def visit_column(self, column: Any, *args: Any, **kw: Any) -> Any:
        if column.is_literal:
            self._judge(str(column.name))
        return super().visit_column(column, *args, **kw)  # type: ignore[misc]

    def _judge(self, text: str) -> None:
        if _REACHING.search(text):
            self._notes.opaque = True


class SqliteCompiler(_Judging, SQLiteCompiler):  # type: ignore[misc]
    """SQLite's compiler, judging."""


class PostgresCompiler(_Judging, PGCompiler_psycopg):  # type: ignore[misc]
    """PostgreSQL's compiler, judging."""
