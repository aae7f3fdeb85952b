"""The sweep: leases that ran out because their worker did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from passivepost.publishing.outcomes import Rules
from passivepost.publishing.record import record
from passivepost.publishing.sql import Statement, Unit
from passivepost.publishing.work import Move, Result
from passivepost.sdk.platform import Platform

_LOST = Statement(
    """
    SELECT s.post_id, s.space_id, s.account_id, s.platform, s.lease_token, s.crashes,
           s.preparing, s.tries,
           (SELECT a.id FROM publish_attempts a
            WHERE a.publish_key = s.publish_key AND a.outcome IS NULL)
    FROM publish_state s JOIN social_posts p ON p.id = s.post_id
    WHERE s.lease_until IS NOT NULL AND s.lease_until < {now}
    ORDER BY s.account_id, s.post_id LIMIT :most {lock(s, p)}
    """,  # in the order of the index of what is in flight, else SQLite reads every post by its key
    returns=("uuid", "uuid", "uuid", "text", "int", "int", "bool", "int", "uuid"),
)
_CRASHED = Statement(
    """
    UPDATE publish_state AS s SET crashes = s.crashes + 1 FROM {r} WHERE s.post_id = r.id
    """,
    batch={"id": "uuid"},
)

_INTERRUPTED = "The publisher was interrupted while it sent this post."
_POISON = (
    "Preparing this post ended the publisher several times, so it was set aside unsent. Change its"
    " pictures or its text, then schedule it again."
)


def sweep(
    unit: Unit, *, most: int, rules: Rules, platforms: Mapping[str, Platform], crash_limit: int
) -> int:
    """Settle leases that ran out; return how many.

    With nothing armed a post goes back to the queue. If code of its platform was preparing it at
    that time, the crash may be its doing: it is counted, and at `crash_limit` the post is failed,
    before it ends every worker. Posts that merely lay in the same worker's hands are not counted;
    from then on their preparation is marked.
    With an armed attempt it may be published: it is looked for. The attempt stays open, for the
    result may still come, from a worker that was only slow or from its spool.
    """
    rows = unit.run(_LOST, most=most)
    crashed: list[tuple[UUID]] = []
    results: list[Result] = []
    for post_id, space, account, name, token, crashes, preparing, tries, attempt in rows:
        platform = platforms.get(name)
        what: dict[str, Any] = {"move": Move.QUEUED, "delay": None}
        if attempt is not None:
            what = _armed(platform, rules, attempt, tries)
        elif preparing:
            crashed.append((post_id,))
            if crashes + 1 >= crash_limit:
                what = {"move": Move.FAILED, "failure_kind": "poison", "message": _POISON}
        results.append(
            Result(post_id=post_id, space_id=space, account_id=account, token=token, **what)
        )
    unit.run(_CRASHED, crashed)
    record(unit, results)
    return len(rows)


def _armed(platform: Platform | None, rules: Rules, attempt: UUID, tries: int) -> dict[str, Any]:
    """Return the result of a post whose armed attempt nobody has answered for."""
    if platform is None:
        return {"move": Move.UNCONFIRMED, "delay": None, "message": _INTERRUPTED}
    if platform.delivery.idempotency in {"native", "client_key"} and tries < rules.retries:
        # The same call again, with the same key, is the same post.
        return {
            "move": Move.QUEUED, "delay": 0.0, "failure_kind": "unknown", "counted": True,
            "attempt_id": attempt, "outcome": "unknown", "error_class": "interrupted",
            "message": _INTERRUPTED,
        }  # fmt: skip
    readable = "find_published" in platform.features and platform.delivery.read_back != "no"
    delay = rules.reconcile[0] if readable and rules.reconcile else None
    return {"move": Move.UNCONFIRMED, "delay": delay, "message": _INTERRUPTED}
