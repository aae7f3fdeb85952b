"""Lists that are read page by page: after a key, not after a count, so that none is passed over.

A cursor holds the last row's place, signed together with the list it is of: what comes back is what
we gave, for this list.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Select, func, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from musekit.errors import InvalidError
from musekit.kernel.host import Host

Row = TypeVar("Row")
#: Rows of a page.
SIZE = 50
#: What is counted no further: people look at the first pages, not at the number.
MOST_COUNTED = 1000
#: Longest text that is searched for.
LONGEST = 200
_PURPOSE = "cursors"


@dataclass(frozen=True, kw_only=True)
class Listed(Generic[Row]):
    """One page of a list; `next` is the cursor of the following one, None at the end."""

    items: Sequence[Row]
    next: str | None


def newest_first(
    session: Session,
    host: Host,
    query: Select[Any],
    at: InstrumentedAttribute[datetime],
    *keys: InstrumentedAttribute[UUID] | InstrumentedAttribute[str],
    after: str = "",
    size: int = SIZE,
) -> Listed[Any]:
    """Return a page of a list by time, the newest first.

    Args:
        query: of one mapped class, filtered, without an order.
        at: the time it is ordered by; `keys` tell rows of one moment apart.
        after: cursor of the page before; empty: from the start.

    Raises:
        InvalidError: the cursor is none of ours, or one of another list.
    """
    columns = (at, *keys)
    name = ".".join((at.class_.__tablename__, *(each.key for each in columns)))
    if after:
        query = query.where(tuple_(*columns) < tuple_(*_read(host, name, after)))
    order = [each.desc() for each in columns]
    rows = session.scalars(query.order_by(*order).limit(size + 1)).all()
    more = len(rows) > size
    rows = rows[:size]
    place = [getattr(rows[-1], each.key) for each in columns] if more else []
    return Listed(items=rows, next=_cursor(host, name, place) if more else None)


def counted(session: Session, query: Select[Any]) -> str:
    """Return how many rows a query has, in words where there are very many."""
    some = query.limit(MOST_COUNTED + 1).subquery()
    found = session.scalar(select(func.count()).select_from(some)) or 0
    return f"{MOST_COUNTED:,}+" if found > MOST_COUNTED else f"{found:,}"


def words(text: str) -> str:
    """Return what is searched for: without the ends that nobody meant, nor what no text holds."""
    return text.replace("\0", "").strip()[:LONGEST]


def holding(text: str, *columns: Any) -> list[Any]:
    """Return the condition that one of some columns holds a text; none for an empty text.

    The text is a value, and its ``%`` and ``_`` are themselves. SQLite knows upper and lower case
    of ASCII only, so other letters are looked for as they were typed, too.
    """
    wanted = words(text)
    if not wanted:
        return []
    found = [func.lower(each).contains(wanted.lower(), autoescape=True) for each in columns]
    if not wanted.isascii():
        found += [each.contains(wanted, autoescape=True) for each in columns]
    return [or_(*found)]


def _cursor(host: Host, name: str, place: Sequence[datetime | UUID | str]) -> str:
    payload = json.dumps([_written(each) for each in place]).encode()
    mark = _mark(host.keyring.subkey(_PURPOSE), name, payload)
    return base64.urlsafe_b64encode(mark + payload).rstrip(b"=").decode()


def _read(host: Host, name: str, cursor: str) -> list[datetime | UUID | str]:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    mark, payload = raw[:12], raw[12:]
    for key in host.keyring.subkeys(_PURPOSE):
        if hmac.compare_digest(_mark(key, name, payload), mark):
            return [_KINDS[kind](text) for kind, text in json.loads(payload)]
    raise InvalidError(
        "This page of the list cannot be found. Start at its beginning.",
        errors=[{"field": "after", "message": "is no cursor of this list"}],
    )


def _mark(key: bytes, name: str, payload: bytes) -> bytes:
    return hmac.digest(key, name.encode() + b"\0" + payload, hashlib.sha256)[:12]


_KINDS: dict[str, Callable[[str], Any]] = {"t": datetime.fromisoformat, "u": UUID, "s": str}


def _written(value: datetime | UUID | str) -> tuple[str, str]:
    if isinstance(value, datetime):
        return "t", value.isoformat()
    return ("u", value.hex) if isinstance(value, UUID) else ("s", value)
