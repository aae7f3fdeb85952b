"""Arming: the durable note that a call is about to be made. Without it no call is made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from passivepost import __version__
from passivepost.publishing.sql import Call, Statement
from passivepost.publishing.work import Arm, Attempt

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
    RETURNING id, n, armed_at
    """,
    batch={"id": "uuid", "token": "int", "attempt": "uuid"},
    returns=("uuid", "int", "time"),
)
# Somebody may have changed a state while its post's row was waited for: then the post is moved
# and its state is not. Fails, so that nothing of the batch is armed. On SQLite nobody can.
_WHOLE = Statement(
    """
    SELECT 1 / CASE WHEN EXISTS (
        SELECT 1 FROM {r} JOIN social_posts p ON p.id = r.id
        JOIN publish_state s ON s.post_id = r.id
        WHERE {mine(p)} AND NOT {mine(s)}) THEN 0 ELSE 1 END
    """,
    batch={"id": "uuid"},
    returns=("int",),
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


#: What is asked of the thread that arms.
Wish = Arm | Note | Mark


def awake() -> float:
    """Return seconds that go on while the machine sleeps, where the system can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def arming(wishes: Sequence[Arm], worker: str, *, postgres: bool) -> list[Call]:
    """Return the statements that arm the posts for which everything still holds.

    Lease, token, revision, hold, review and status are asked in the first; those that follow do
    the same to the state and the ledger. All go in one unit of work, which fails when a post has a
    call under way.
    """
    calls: list[Call] = [
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
    ]
    if postgres:
        calls.append((_WHOLE, [(w.claim.post_id,) for w in wishes], {}))
    return calls


def noting(notes: Sequence[Note]) -> Call:
    """Return the statement that stores progress under its lease."""
    return _NOTE, [(n.post_id, n.token, n.progress) for n in notes], {}


def marking(marks: Sequence[Mark]) -> Call:
    """Return the statement that notes that posts are being prepared."""
    return _MARK, [(m.post_id, m.token) for m in marks], {}


def plan(wishes: Sequence[Wish], worker: str, *, postgres: bool) -> list[Call]:
    """Return the statements of one unit of work for all that is wished for."""
    arms = [each for each in wishes if isinstance(each, Arm)]
    notes = [each for each in wishes if isinstance(each, Note)]
    marks = [each for each in wishes if isinstance(each, Mark)]
    return [
        *(arming(arms, worker, postgres=postgres) if arms else ()),
        *((noting(notes),) if notes else ()),
        *((marking(marks),) if marks else ()),
    ]


def granted(
    wishes: Sequence[Wish], calls: Sequence[Call], rows: Sequence[Sequence[Any]], known: float
) -> list[Attempt | bool | None]:
    """Return what became of each wish: the attempt or None; True where something is stored.

    By attempt and by lease, not by post: a batch may hold one post under two leases, when a task
    that outlived its lease asks beside the one that took it over.

    Args:
        rows: what each of the statements returned.
        known: `awake` seconds from before the unit of work.
    """
    by_statement = {call[0]: found for call, found in zip(calls, rows, strict=True)}
    attempts = {
        attempt_id: Attempt(attempt_id, n, at, known)
        for attempt_id, n, at in by_statement.get(_ATTEMPTS, ())
    }
    leases = {Note: set(by_statement.get(_NOTE, ())), Mark: set(by_statement.get(_MARK, ()))}
    return [
        attempts.get(each.attempt_id)
        if isinstance(each, Arm)
        else (each.post_id, each.token) in leases[type(each)]
        for each in wishes
    ]
