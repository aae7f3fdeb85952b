"""Claims: leases on the heads of lanes, at a cost that does not grow with what is stored.

A lane is the queue of one account; its head is the earliest post. The scan skips from head to
head through the partial index of the lanes, beginning after the last lane served, so every space
gets its turn and a backlog of ten thousand posts delays nobody else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from passivepost.publishing.promote import LatePolicy, hold, miss
from passivepost.publishing.sql import Call, Statement, Unit
from passivepost.publishing.work import Claim, Sealed
from passivepost.sdk.platform import Platform

_OPEN = (
    "{0}.stage = 'queued' AND {0}.hold IS NULL AND {0}.review IS NULL AND {0}.lease_until IS NULL"
)

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
    """.replace("OPEN(n)", _OPEN.format("n")),
    returns=("uuid", "uuid", "uuid", "text", "bool", "bool"),
)
_BUSY = Statement(
    """
    SELECT space_id, count(*) FROM publish_state WHERE lease_until IS NOT NULL GROUP BY space_id
    """,
    returns=("uuid", "int"),
)
# A statement of its own: a locking subquery would keep the update from its index.
_LOCK = Statement(
    """
    SELECT s.post_id, r.lease FROM {r} JOIN publish_state s ON s.post_id = r.id
    WHERE {filter(OPEN(s))} {lock(s)}
    """.replace("OPEN(s)", _OPEN.format("s")),
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
_READ = Statement(
    """
    SELECT s.post_id, s.space_id, s.account_id, s.platform, s.lease_token, s.revision,
           s.content_hash, s.publish_key, s.tries, s.crashes, s.attempts, s.armed_at,
           s.attempts > 0 AND EXISTS (
               SELECT 1 FROM publish_attempts a
               WHERE a.post_id = s.post_id AND a.publish_key = s.publish_key
               AND (a.outcome IS NULL
                    OR a.outcome IN ('unknown', 'reconciled_absent', 'resolved_absent'))),
           s.progress, p.content, p.media_urls, d.parts, d.options,
           c.platform_user_id, c.platform_username, c.access_token_encrypted,
           c.refresh_token_encrypted, c.token_expires_at, c.scopes
    FROM {r} JOIN publish_state s ON s.post_id = r.id
    JOIN social_posts p ON p.id = r.id
    LEFT JOIN post_details d ON d.post_id = r.id
    LEFT JOIN social_accounts c ON c.id = s.account_id
    """,
    batch={"id": "uuid"},
    returns=(
        "uuid", "uuid", "uuid", "text", "int", "int", "text", "uuid", "int", "int", "int", "time",
        "bool",
        "json", "text", "list", "json", "json", "text", "text", "text", "text", "time", "list",
    ),
)  # fmt: skip

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How posts are claimed: seconds, and who may be published to."""

    owner: str
    platforms: Mapping[str, Platform]
    margin: float  #: of the lease beyond the platform's longest call
    late: float
    policy: LatePolicy
    per_space: int


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
            seconds = terms.platforms[platform].delivery.longest_call + terms.margin
            self.lease.append((post_id, seconds))


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
            calls.append((_BUSY, (), {}))
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
        (_LEASE, locked, {"owner": terms.owner}), (_READ, [(post_id,) for post_id, _ in locked], {})
    )
    return [_claim(row, terms.platforms) for row in rows]


def read(unit: Unit, posts: list[UUID], platforms: Mapping[str, Platform]) -> list[Claim]:
    """Read what publishing needs of posts whose lease, or read-back, is ours."""
    rows = unit.run(_READ, [(post_id,) for post_id in posts])
    return [_claim(row, platforms) for row in rows if row[3] in platforms]


def _claim(row: tuple[Any, ...], platforms: Mapping[str, Platform]) -> Claim:
    return Claim(
        post_id=row[0],
        space_id=row[1],
        account_id=row[2],
        platform=platforms[row[3]],
        token=row[4],
        revision=row[5],
        content_hash=row[6],
        publish_key=row[7],
        tries=row[8],
        crashes=row[9],
        attempts=row[10],
        armed_at=row[11],
        doubt=row[12],
        progress=row[13],
        text=row[14],
        media_urls=row[15] or [],
        parts=row[16] or [],
        options=row[17] or {},
        sealed=Sealed(row[2], row[1], *row[18:24]) if row[20] else None,
    )
