"""Results of posts that went out as they should, which nearly all do, in one statement."""

from __future__ import annotations

from collections.abc import Sequence

from passivepost.publishing.record import (
    CLOSED,
    CLOSING,
    DETAILED,
    DONE,
    POSTED,
    closing,
    details_of,
)
from passivepost.publishing.sql import Call, Statement
from passivepost.publishing.work import Move, Result

# The batch is read once, and what was reached is counted without looking again. Fails unless post,
# attempt and state of every result were there to be written. They are written in the order in
# which they are counted: the post's row before its state, as everywhere.
_STRAIGHT = Statement(
    "WITH r AS MATERIALIZED (SELECT * FROM {r}),"  # noqa: S608 - of texts that stand in the code
    + ",".join(
        f"{name} AS ({update.replace('{r}', 'r')} RETURNING 1)"
        for name, update in (
            ("post", POSTED), ("attempt", CLOSED), ("state", DONE),
            ("detail", DETAILED + " AND r.ids IS NOT NULL"),
        )
    )
    + """
    SELECT 1 / CASE WHEN (SELECT count(*) FROM post) = :count
                    AND (SELECT count(*) FROM attempt) = :count
                    AND (SELECT count(*) FROM state) = :count THEN 1 ELSE 0 END
    """,
    batch={"id": "uuid", **CLOSING, "ids": "text", "link": "text"},
    returns=("int",),
)  # fmt: skip


def is_straight(result: Result) -> bool:
    """True for a post that went out, with its attempt and the network's word."""
    return result.move is Move.POSTED and result.attempt_id is not None and bool(result.outcome)


def posting(results: Sequence[Result]) -> list[Call]:
    """Return the statements that store straight results (PostgreSQL).

    They fail where an attempt was closed already, a post has moved on, or one is told twice;
    `record` then looks at what there is.
    """
    details = {post_id: rest for post_id, *rest in details_of(results)}
    nothing = [None, None]
    rows = [
        (result.post_id, *closed, *details.get(result.post_id, nothing))
        for result, closed in zip(results, closing(results), strict=True)
    ]
    return [(_STRAIGHT, rows, {"count": len(rows)})]
