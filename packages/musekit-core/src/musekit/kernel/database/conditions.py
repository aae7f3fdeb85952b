"""Conditions that databases need to be told in a certain way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, bindparam


def one_of(column: Any, words: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that a column holds one of some words of ours, never of a person's.

    The words stand in the statement itself. SQLite plans before it knows any parameter, and so uses
    an index of some rows only (``WHERE state IN ('queued', 'sending')``) where the statement says
    the very same.
    """
    given: BindParameter[Any] = bindparam(None, list(words), expanding=True, literal_execute=True)
    condition: ColumnElement[bool] = column.in_(given)
    return condition
