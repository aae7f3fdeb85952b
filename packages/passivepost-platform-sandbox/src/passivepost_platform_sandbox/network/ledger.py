"""The ledger: one line per request, written in the same transaction as what it did.

It holds no token and no password, so it can be kept and shown as it is.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Any


def write(
    db: sqlite3.Connection,
    kind: str,
    *,
    status: int,
    account: str | None = None,
    accepted: bool = False,
    key: str | None = None,
    text: str | None = None,
    post_id: int | None = None,
    note: str | None = None,
) -> None:
    """Add a line.

    Args:
        kind: the operation: ``post``, ``media``, ``token``, ``refresh``, ``delete``, ``read`` …
        accepted: True when the request changed the network: for ``post``, a new post is live.
        note: the fault that was played, or why it was refused.
    """
    db.execute(
        "INSERT INTO ledger (at, kind, account, accepted, status, key, text, post_id, note)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (time.time(), kind, account, accepted, status, key, text, post_id, note),
    )


def lines(
    db: sqlite3.Connection,
    *,
    since: int = 0,
    kind: str | None = None,
    account: str | None = None,
    accepted: bool | None = None,
    limit: int = 100_000,
) -> list[dict[str, Any]]:
    """Return lines after the sequence number `since`, oldest first."""
    where, values = ["seq > ?"], [since]
    for column, value in (("kind", kind), ("account", account), ("accepted", accepted)):
        if value is not None:
            where.append(f"{column} = ?")
            values.append(value)  # type: ignore[arg-type]
    rows = db.execute(
        f"SELECT * FROM ledger WHERE {' AND '.join(where)} ORDER BY seq LIMIT ?",  # noqa: S608
        (*values, limit),
    )
    return [
        {
            **dict(row),
            "accepted": bool(row["accepted"]),
            "post_id": str(row["post_id"]) if row["post_id"] else None,
        }
        for row in rows
    ]


def summary(db: sqlite3.Connection) -> dict[str, Any]:
    """Return counts, and every key and every text of an account that was accepted twice.

    A network that is told not to honour keys still sees them, so `duplicate_keys` is the judge of
    "published twice"; `duplicate_texts` is it where no key was sent.
    """
    counts = db.execute(
        "SELECT kind, count(*) AS requests, sum(accepted) AS accepted FROM ledger GROUP BY kind"
    )
    keys = db.execute(
        "SELECT key, count(*) AS n FROM ledger WHERE kind = 'post' AND accepted AND key IS NOT NULL"
        " GROUP BY key HAVING n > 1"
    )
    texts = db.execute(
        "SELECT account, text, count(*) AS n FROM ledger WHERE kind = 'post' AND accepted"
        " GROUP BY account, text HAVING n > 1"
    )
    return {
        "kinds": {
            row["kind"]: {"requests": row["requests"], "accepted": row["accepted"]}
            for row in counts
        },
        "duplicate_keys": {row["key"]: row["n"] for row in keys},
        "duplicate_texts": [dict(row) for row in texts],
    }
