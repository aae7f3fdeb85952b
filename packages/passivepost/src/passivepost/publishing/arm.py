"""Arming: the durable note that a call is about to be made. Without it no call is made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from passivepost import __version__
from passivepost.publishing.sql import Statement, Unit
from passivepost.publishing.work import Arm, Attempt, Lease

# Everything that must still be true is asked here, in the statement that makes it so. The post's
# row is locked before its state, as everywhere: a person's change and an arming queue up.
_POSTS = Statement(
    """
    UPDATE social_posts AS p SET status = 'posting', updated_at = {now}
    FROM (SELECT s.post_id AS own FROM {r} JOIN publish_state s ON s.post_id = r.id
          WHERE {filter(s.lease_token = r.token AND s.revision = r.rev
                        AND s.stage = 'queued' AND s.hold IS NULL AND s.review IS NULL
                        AND s.lease_until >= {plus(r.need)})}) AS r
    WHERE p.id = r.own AND {filter(p.status = 'queued')}
    RETURNING id
    """,
    batch={"id": "uuid", "token": "int", "rev": "int", "need": "float"},
    returns=("uuid",),
)
_STATE = Statement(
    """
    UPDATE publish_state AS s
    SET stage = 'posting', attempts = s.attempts + 1, armed_at = COALESCE(s.armed_at, {now}),
        preparing = {false}, progress = COALESCE(CAST(r.note AS {json}), s.progress),
        updated_at = {now}
    FROM {r}
    WHERE s.post_id = r.id
    AND {filter(s.lease_token = r.token AND s.revision = r.rev AND s.stage = 'queued'
                AND s.hold IS NULL AND s.review IS NULL AND s.lease_until IS NOT NULL)}
    AND EXISTS (SELECT 1 FROM social_posts p
                WHERE p.id = r.id AND {filter(p.status = 'posting')})
    RETURNING post_id
    """,
    batch={"id": "uuid", "token": "int", "rev": "int", "note": "text"},
    returns=("uuid",),
)
_ATTEMPTS = Statement(
    """
    INSERT INTO publish_attempts (id, space_id, post_id, n, publish_key, account_id, lease_token,
                                  content_hash, opened_at, armed_at, worker, code_version)
    SELECT r.attempt, s.space_id, s.post_id, s.attempts, s.publish_key, s.account_id,
           s.lease_token, s.content_hash, {now}, {now}, :worker, :version
    FROM {r} JOIN publish_state s ON s.post_id = r.id
    WHERE {filter(s.lease_token = r.token AND s.stage = 'posting')}
    AND NOT EXISTS (SELECT 1 FROM publish_attempts o
                    WHERE o.publish_key = s.publish_key AND o.outcome IS NULL)
    RETURNING id, n, armed_at
    """,
    batch={"id": "uuid", "token": "int", "attempt": "uuid"},
    returns=("uuid", "int", "time"),
)
_NOTE = Statement(
    """
    UPDATE publish_state AS s SET progress = CAST(r.note AS {json}), updated_at = {now}
    FROM {r} WHERE s.post_id = r.id AND s.lease_token = r.token
    RETURNING post_id, lease_token
    """,
    batch={"id": "uuid", "token": "int", "note": "text"},
    returns=("uuid", "int"),
)
_MARK = Statement(
    """
    UPDATE publish_state AS s SET preparing = {true} FROM {r}
    WHERE s.post_id = r.id AND s.lease_token = r.token RETURNING post_id, lease_token
    """,
    batch={"id": "uuid", "token": "int"},
    returns=("uuid", "int"),
)


class ArmingError(RuntimeError):
    """A post changed its state under the lock of its row: nothing of the batch is armed."""


@dataclass(frozen=True, slots=True)
class Note:
    """Progress to store while a post is in flight. `progress` is JSON."""

    post_id: UUID
    token: int
    progress: str


@dataclass(frozen=True, slots=True)
class Mark:
    """The note that code of the platform prepares a post now."""

    post_id: UUID
    token: int


def awake() -> float:
    """Return seconds that go on while the machine sleeps, where the system can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def arm(unit: Unit, wishes: Sequence[Arm], worker: str) -> dict[UUID, Attempt]:
    """Arm the posts for which everything still holds; return their attempts by their ids.

    Lease, token, revision, hold, review and status are asked in one statement; the two that follow
    do the same to the state and the ledger, and go in the same round trip. An attempt that is
    missing from the answer must not be made. By attempt and not by post, for a batch may hold one
    post under two leases: a task that outlived its lease asks beside the one that took it over.
    `Attempt.known` is 0 until the caller has committed.

    Raises:
        ArmingError: see there.
    """
    moved, armed, made = unit.run_together(
        (
            _POSTS,
            [(w.claim.post_id, w.claim.token, w.claim.revision, w.need) for w in wishes],
            {},
        ),
        (
            _STATE,
            [(w.claim.post_id, w.claim.token, w.claim.revision, w.progress) for w in wishes],
            {},
        ),
        (
            _ATTEMPTS,
            [(w.claim.post_id, w.claim.token, w.attempt_id) for w in wishes],
            {"worker": worker, "version": __version__},
        ),
    )
    if not len(moved) == len(armed) == len(made):
        raise ArmingError("a post changed its state while it was armed")
    return {attempt_id: Attempt(attempt_id, n, at, 0.0) for attempt_id, n, at in made}


def note(unit: Unit, notes: Sequence[Note]) -> set[Lease]:
    """Store progress under the lease; return the leases under which it was stored."""
    return set(unit.run(_NOTE, [(n.post_id, n.token, n.progress) for n in notes]))


def mark(unit: Unit, marks: Sequence[Mark]) -> set[Lease]:
    """Note that posts are being prepared; return the leases that still stand."""
    return set(unit.run(_MARK, [(m.post_id, m.token) for m in marks]))
