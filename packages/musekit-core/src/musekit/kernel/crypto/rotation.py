"""Online rotation: every ciphertext is written again under the newest key, while all else runs.

Put a new key in front of the old ones, restart, run this, then drop the old keys. It goes through
the rows by id in batches, each a transaction of its own, and replaces a ciphertext only if it is
still the one that was read: a token refreshed in the meantime is newer and stays. Killed at any
point, it is simply run again: what is rewritten already is skipped. Old keys must stay in the ring
until it says that nothing is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from musekit.kernel.actors import Actor
from musekit.kernel.crypto.columns import EncryptedColumn, registered
from musekit.kernel.crypto.keyring import DecryptionError, KeyRing
from musekit.kernel.database.session import Database

#: Rows of one transaction: a writer waits this long at most, and a kill loses this much work.
BATCH = 200
_SYSTEM = Actor.system("key rotation")


@dataclass
class Progress:
    """How far a rotation is. The same object is updated and given to the callback each time."""

    total: int  #: ciphertexts that were not under the newest key when it began
    rewritten: int = 0
    outrun: int = 0  #: changed by somebody else meanwhile, so left alone
    #: Ciphertexts that do not open: place and reason. They are left as they are.
    failed: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Ciphertexts dealt with."""
        return self.rewritten + self.outrun + len(self.failed)


def rotate(
    database: Database,
    ring: KeyRing,
    *,
    columns: Iterable[EncryptedColumn] | None = None,
    progress: Callable[[Progress], None] | None = None,
    batch: int = BATCH,
) -> Progress:
    """Rewrite everything that is not under the ring's newest key.

    Args:
        columns: which columns; None: all that are registered.
        progress: called after each batch, for a bar in the terminal.
        batch: rows of one transaction.

    Returns:
        the last progress. Ciphertexts that do not open are listed in `failed`, and the rest is
        rewritten all the same: keep the old keys until that list is empty.
    """
    chosen = tuple(registered() if columns is None else columns)
    state = Progress(total=sum(remaining(database, ring, columns=chosen).values()))
    for column in chosen:
        for rows in _batches(database, ring, column, batch):
            _rewrite(database, ring, column, rows, state)
            if progress is not None:
                progress(state)
    return state


def remaining(
    database: Database, ring: KeyRing, *, columns: Iterable[EncryptedColumn] | None = None
) -> dict[str, int]:
    """Count the ciphertexts under older keys: ``table.column`` → number. 0: old keys may go."""
    counts = {}
    with database.session(_SYSTEM, readonly=True) as session:
        for each in registered() if columns is None else columns:
            table, _, _, value = _parts(each)
            query = sa.select(sa.func.count()).select_from(table).where(_is_old(value, ring))
            counts[f"{each.table}.{each.column}"] = int(session.scalar(query) or 0)
    return counts


def _batches(
    database: Database, ring: KeyRing, column: EncryptedColumn, size: int
) -> Iterator[list[tuple[UUID, UUID, str]]]:
    """Return (row, space, ciphertext) of old ciphertexts, by id, each batch read on its own."""
    table, row, space, value = _parts(column)
    last: UUID | None = None
    while True:
        query = sa.select(row, space, value).select_from(table).where(_is_old(value, ring))
        if last is not None:
            query = query.where(row > last)
        with database.session(_SYSTEM, readonly=True) as session:
            found = session.execute(query.order_by(row).limit(size)).all()
        if not found:
            return
        last = found[-1][0]
        yield [(each[0], each[1], each[2]) for each in found]


def _rewrite(
    database: Database,
    ring: KeyRing,
    column: EncryptedColumn,
    rows: list[tuple[UUID, UUID, str]],
    state: Progress,
) -> None:
    """Decrypt and encrypt outside of any transaction, then swap in one short one."""
    table, row, _, value = _parts(column)
    fresh: list[dict[str, Any]] = []
    for row_id, space_id, old in rows:
        place: dict[str, Any] = {
            "table": column.table, "column": column.column, "row": row_id, "space": space_id,
        }  # fmt: skip
        try:
            new = ring.encrypt(ring.decrypt(old, **place), **place)
        except DecryptionError as error:
            state.failed.append(str(error))
        else:
            fresh.append({"at": row_id, "old": old, "new": new})
    if not fresh:
        return
    swap = (
        sa.update(table)
        .where(row == sa.bindparam("at"), value == sa.bindparam("old"))
        .values({value: sa.bindparam("new")})
    )
    with database.session(_SYSTEM) as session:
        swapped = session.connection().execute(swap, fresh).rowcount
    state.rewritten += swapped
    state.outrun += len(fresh) - swapped


def _is_old(value: sa.ColumnElement[str], ring: KeyRing) -> sa.ColumnElement[bool]:
    # NULL LIKE … is NULL: rows without a ciphertext are not selected.
    return sa.not_(value.startswith(f"v1.{ring.newest}.", autoescape=True))


def _parts(
    column: EncryptedColumn,
) -> tuple[sa.TableClause, sa.ColumnClause[UUID], sa.ColumnClause[UUID], sa.ColumnClause[str]]:
    # A light table, so that columns of a product rotate without importing its models.
    row = sa.column(column.id_column, sa.Uuid())
    space = sa.column(column.space_column, sa.Uuid())
    value = sa.column(column.column, sa.Text())
    unique = {each.name: each for each in (row, space, value)}
    return sa.table(column.table, *unique.values()), row, space, value
