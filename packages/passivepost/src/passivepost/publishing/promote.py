"""Due posts become queued, or are held with a reason.

Where the account of a post is free and its lane empty, whoever queues the post may claim it in the
same step: while posts stream most go that way, and never through the index of lanes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from passivepost.publishing.holds import holding, missing
from passivepost.publishing.reading import IN_FLIGHT, OPEN, claims_of, reading
from passivepost.publishing.sql import Call, Statement, Unit
from passivepost.publishing.terms import Terms
from passivepost.publishing.work import Claim

_DUE = Statement(
    """
    SELECT s.post_id, s.space_id, s.account_id, s.platform, s.due_at < {plus(-:late)},
           p.status IN ('scheduled', 'approved'),
           a.is_valid,
           NOT EXISTS (SELECT 1 FROM publish_state f
                       WHERE f.account_id = s.account_id AND f.lease_until IS NOT NULL)
           AND NOT EXISTS (SELECT 1 FROM publish_state q
                           WHERE OPEN(q) AND q.space_id = s.space_id
                           AND q.account_id = s.account_id)
    FROM publish_state s
    JOIN social_posts p ON p.id = s.post_id
    LEFT JOIN social_accounts a ON a.id = s.account_id
    WHERE s.stage = 'waiting' AND s.hold IS NULL AND s.due_at <= {now}
    ORDER BY s.due_at, s.post_id LIMIT :most {lock(s, p)}
    """.replace("OPEN(q)", OPEN.format("q")),
    returns=("uuid", "uuid", "uuid", "text", "bool", "bool", "bool", "bool"),
)
_UPCOMING = Statement(
    """
    SELECT post_id, space_id, platform, due_at FROM publish_state
    WHERE stage = 'waiting' AND hold IS NULL AND due_at <= {now}
    ORDER BY due_at, post_id LIMIT :most
    """,
    returns=("uuid", "uuid", "text", "time"),
)
_LIMITED = Statement(
    """
    SELECT account_id, max(next_attempt_at) FROM publish_state
    WHERE hold = 'rate_limited' GROUP BY account_id
    """,
    returns=("uuid", "time"),
)
_QUEUE = Statement(
    """
    UPDATE publish_state AS s
    SET stage = 'queued', next_attempt_at = COALESCE(r.until, s.due_at), hold = r.why,
        lease_token = s.lease_token + CASE WHEN r.lease IS NULL THEN 0 ELSE 1 END,
        lease_owner = CASE WHEN r.lease IS NULL THEN NULL ELSE :owner END,
        lease_until = {plus(r.lease)}, preparing = {false}, updated_at = {now}
    FROM {r} WHERE s.post_id = r.id
    """,
    batch={"id": "uuid", "why": "text", "until": "time", "lease": "float"},
)
_QUEUE_POSTS = Statement(
    "UPDATE social_posts AS p SET status = 'queued', updated_at = {now} FROM {r} WHERE p.id = r.id",
    batch={"id": "uuid"},
)
_DROP = Statement(
    "DELETE FROM publish_state WHERE post_id IN (SELECT r.id FROM {r})", batch={"id": "uuid"}
)
_NEXT = Statement(
    """
    SELECT due_at, {now} FROM publish_state WHERE stage = 'waiting' AND hold IS NULL
    ORDER BY due_at LIMIT 1
    """,
    returns=("time", "time"),
)
_REMAINING = Statement(
    """
    SELECT (SELECT count(*) FROM publish_state
            WHERE stage = 'waiting' AND hold IS NULL AND due_at <= {now})
         + (SELECT count(*) FROM publish_state
            WHERE stage = 'queued' AND hold IS NULL AND review IS NULL AND lease_until IS NULL
            AND next_attempt_at <= {now})
    """,
    returns=("int",),
)

# Two that claim what they queue could each wait for an account that the other took.
_ALONE = Statement(
    "SELECT pg_try_advisory_xact_lock(hashtextextended('passivepost.promote', 0))",
    returns=("bool",),
)


@dataclass(frozen=True, slots=True)
class Due:
    """A post whose time has come, as far as caps are concerned."""

    post_id: UUID
    space_id: UUID
    platform: str
    due_at: datetime


@dataclass(slots=True)
class _Sorting:
    """What is to become of due posts."""

    terms: Terms
    over_cap: Collection[UUID]
    limited: dict[UUID, datetime]  #: accounts that a network has told to wait, and until when
    want: int  #: posts that may be claimed
    busy: Counter[UUID]  #: posts in flight, by space
    taken: set[UUID] = field(default_factory=set)  #: accounts claimed here
    queue: list[tuple[UUID, str | None, datetime | None, float | None]] = field(
        default_factory=list
    )
    gone: list[tuple[UUID]] = field(default_factory=list)
    held: list[tuple[UUID, str]] = field(default_factory=list)
    missed: list[tuple[UUID]] = field(default_factory=list)

    def judge(self, row: tuple[Any, ...]) -> None:
        post_id, space_id, account_id, platform, late, live, valid, free = row
        terms = self.terms
        if not live:
            self.gone.append((post_id,))
        elif late and terms.policy == "skip":
            self.missed.append((post_id,))
        elif late and terms.policy == "ask":
            self.held.append((post_id, "late"))
        elif platform not in terms.platforms:
            self.held.append((post_id, "platform_missing"))
        elif not valid:
            self.held.append((post_id, "reconnect"))
        elif post_id in self.over_cap:
            self.held.append((post_id, "quota"))
        elif account_id in self.limited:
            self.queue.append((post_id, "rate_limited", self.limited[account_id], None))
        elif not (free and self._takes(space_id, account_id)):
            self.queue.append((post_id, None, None, None))
        else:
            self.queue.append((post_id, None, None, terms.lease(platform)))

    def _takes(self, space_id: UUID, account_id: UUID) -> bool:
        """Take the account, if it is to be had: one post of it, a few of its space."""
        if len(self.taken) >= self.want or account_id in self.taken:
            return False
        if self.busy[space_id] >= self.terms.per_space:
            return False
        self.busy[space_id] += 1
        self.taken.add(account_id)
        return True

    @property
    def claimed(self) -> list[UUID]:
        return [post_id for post_id, _, _, lease in self.queue if lease is not None]


def promote(
    unit: Unit, terms: Terms, *, most: int, want: int = 0, over_cap: Collection[UUID] = ()
) -> tuple[int, list[Claim]]:
    """Queue due posts, earliest first, by the database's clock; hold what must not go out now.

    Args:
        most: rows taken.
        want: posts claimed at once, of those whose account has nothing else to send.
        over_cap: posts that the plan of their space does not carry any more.

    Returns:
        How many rows were taken; fewer than `most`: no more are due. And what was claimed.

    Raises:
        sqlalchemy.exc.IntegrityError: another worker claimed the same account at this moment; try
            again without `want`.
    """
    due: Call = (_DUE, (), {"most": most, "late": terms.late})
    alone: list[Call] = [(_ALONE, (), {})] if unit.is_postgres and want else []
    *locks, rows, limits, flying = unit.send(*alone, due, (_LIMITED, (), {}), (IN_FLIGHT, (), {}))
    if not rows:
        return 0, []
    if not all(found for lock in locks for (found,) in lock):
        want = 0
    sorting = _Sorting(terms, over_cap, dict(limits), want, Counter(dict(flying)))
    for row in rows:
        sorting.judge(row)
    claimed = sorting.claimed
    *_, read = unit.send(
        (_QUEUE, sorting.queue, {"owner": terms.owner}),
        (_QUEUE_POSTS, [(post_id,) for post_id, *_ in sorting.queue], {}),
        holding(sorting.held),
        *missing(sorting.missed),
        (_DROP, sorting.gone, {}),
        reading(claimed),
    )
    return len(rows), claims_of(read, terms.platforms)


def upcoming(unit: Unit, most: int) -> list[Due]:
    """Return what `promote` would take now."""
    return [Due(*row) for row in unit.run(_UPCOMING, most=most)]


def seconds_to_next(unit: Unit) -> float | None:
    """Return how long until the next post comes due, by the database's clock; None: none waits."""
    rows = unit.run(_NEXT)
    if not rows:
        return None
    due, now = rows[0]
    seconds: float = (due - now).total_seconds()
    return max(0.0, seconds)


def remaining(unit: Unit) -> int:
    """Return how many posts are due and in nobody's hands."""
    return int(unit.run(_REMAINING)[0][0])
