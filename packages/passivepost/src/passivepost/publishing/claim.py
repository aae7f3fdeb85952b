"""Claims: leases on the heads of lanes, at a cost that does not grow with what is stored.

A lane is the queue of one account; its head is the earliest post. The scan skips from head to
head through the partial index of the lanes, beginning after the last lane served, so every space
gets its turn and a backlog of ten thousand posts delays nobody else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from passivepost.publishing.holds import hold, miss
from passivepost.publishing.reading import IN_FLIGHT, OPEN, claims_of, reading
from passivepost.publishing.sql import Call, Statement, Unit
from passivepost.publishing.terms import Terms
from passivepost.publishing.work import Claim

_LANES = Statement(
    """
    WITH RECURSIVE lane(id, i) AS (
        SELECT (SELECT n.post_id FROM publish_state n
                WHERE OPEN(n) AND (n.space_id, n.account_id) > (:space, :account)
                ORDER BY n.space_id, n.account_id, n.next_attempt_at, n.post_id LIMIT 1), 1
        UNION ALL
        SELECT (SELECT n.post_id FROM publish_state n
                WHERE OPEN(n) AND (n.space_id, n.account_id) > (h.space_id, h.account_id)
                ORDER BY n.space_id, n.account_id, n.next_attempt_at, n.post_id LIMIT 1),
               lane.i + 1
        FROM lane JOIN publish_state h ON h.post_id = lane.id
        WHERE lane.i < :scan
    )
    SELECT s.post_id, s.space_id, s.account_id, s.platform,
           s.next_attempt_at <= {now}
           AND NOT EXISTS (SELECT 1 FROM publish_state f
                           WHERE f.account_id = s.account_id AND f.lease_until IS NOT NULL),
           s.due_at < {plus(-:late)} AND COALESCE(s.failure_kind, '') <> 'unknown'
    FROM lane JOIN publish_state s ON s.post_id = lane.id
    ORDER BY lane.i
    """.replace("OPEN(n)", OPEN.format("n")),
    returns=("uuid", "uuid", "uuid", "text", "bool", "bool"),
)
# A statement of its own: a locking subquery would keep the update from its index.
_LOCK = Statement(
    """
    SELECT s.post_id, r.lease FROM {r} JOIN publish_state s ON s.post_id = r.id
    WHERE {filter(OPEN(s))} {lock(s)}
    """.replace("OPEN(s)", OPEN.format("s")),
    batch={"id": "uuid", "lease": "float"},
    returns=("uuid", "float"),
)
_LEASE = Statement(
    """
    UPDATE publish_state AS s
    SET lease_token = s.lease_token + 1, lease_owner = :owner, lease_until = {plus(r.lease)},
        preparing = {false}, updated_at = {now}
    FROM {r} WHERE s.post_id = r.id
    """,
    batch={"id": "uuid", "lease": "float"},
)
_START = UUID(int=0)


@dataclass(slots=True)
class Cursor:
    """Where the next scan begins: after the last lane served."""

    space: UUID = field(default=_START)
    account: UUID = field(default=_START)

    @property
    def at_start(self) -> bool:
        """True when the scan will see every lane."""
        return self.space == _START


@dataclass(slots=True)
class _Choice:
    """What a scan of the lanes has chosen."""

    terms: Terms
    busy: Counter[UUID] = field(default_factory=Counter)  #: leases by space
    lease: list[tuple[UUID, float]] = field(default_factory=list)
    held: list[tuple[UUID, str]] = field(default_factory=list)
    missed: list[UUID] = field(default_factory=list)
    seen: set[UUID] = field(default_factory=set)

    def judge(self, head: tuple[Any, ...]) -> None:
        """Take the head of a lane, or say why not. A scan that goes round meets lanes again."""
        post_id, space_id, _, platform, ready, late = head
        if post_id in self.seen:
            return
        self.seen.add(post_id)
        terms = self.terms
        if late and terms.policy == "ask":
            self.held.append((post_id, "late"))
        elif late and terms.policy == "skip":
            self.missed.append(post_id)
        elif platform not in terms.platforms:
            self.held.append((post_id, "platform_missing"))
        elif ready and self.busy[space_id] < terms.per_space:
            self.busy[space_id] += 1
            self.lease.append((post_id, terms.lease(platform)))


def claim(unit: Unit, want: int, cursor: Cursor, terms: Terms) -> list[Claim]:
    """Lease up to `want` posts: one per account, a few per space, spaces in turn.

    Raises:
        sqlalchemy.exc.IntegrityError: another worker claimed the same account at this moment; try
            again.
    """
    choice = _Choice(terms)
    wrapped = cursor.at_start
    for scans in range(4):  # enough to pass over lanes in flight; the next claim goes on from here
        if len(choice.lease) >= want:
            break
        scan = 32 + (want - len(choice.lease)) * 5 // 4
        where = {"space": cursor.space, "account": cursor.account, "late": terms.late}
        calls: list[Call] = [(_LANES, (), {**where, "scan": scan})]
        if scans == 0:
            calls.append((IN_FLIGHT, (), {}))
        lanes, *leases = unit.send(*calls)
        for rows in leases:
            choice.busy.update(dict(rows))
        for head in lanes:
            if len(choice.lease) >= want:
                break
            cursor.space, cursor.account = head[1], head[2]
            choice.judge(head)
        else:
            if len(lanes) < scan:  # the end of the index: go round once
                cursor.space = cursor.account = _START
                if wrapped:
                    break
                wrapped = True
    hold(unit, choice.held)
    miss(unit, choice.missed)
    locked = unit.run(_LOCK, choice.lease)
    _, rows = unit.send(
        (_LEASE, locked, {"owner": terms.owner}), reading([post_id for post_id, _ in locked])
    )
    return claims_of(rows, terms.platforms)
