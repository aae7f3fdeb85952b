"""Recording: what became of posts, in one transaction per batch.

A result is accepted while its attempt is open, even when its lease has run out: evidence is never
thrown away. A result without an attempt changes a post only under its lease.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from passivepost.publishing.sql import Statement, Unit
from passivepost.publishing.work import Move, Result

# What a straight result writes, each by itself here, all in one in `straight`.
CLOSED = """
    UPDATE publish_attempts AS a
    SET outcome = r.verdict, responded_at = {now}, platform_post_id = r.pid, error_class = r.err,
        detail = r.words, retry_after = r.wait, http_status = r.code
    FROM {r}
    WHERE a.id = r.attempt
    AND {filter(a.outcome IS NULL OR a.outcome = 'unknown' OR (r.verdict = 'confirmed'
                AND a.outcome IN ('reconciled_absent', 'resolved_absent')))}
    """
CLOSING = {
    "attempt": "uuid", "verdict": "text", "pid": "text", "err": "text", "words": "text",
    "wait": "float", "code": "int",
}  # fmt: skip
_CLOSE = Statement(CLOSED + "RETURNING id", batch=CLOSING, returns=("uuid",))
DONE = """
    UPDATE publish_state AS s
    SET stage = 'done', hold = NULL, hold_detail = NULL, failure_kind = NULL,
        review = CASE WHEN s.review IS NULL THEN NULL ELSE 'resolved' END,
        reconcile_at = NULL, lease_owner = NULL, lease_until = NULL, updated_at = {now}
    FROM {r} WHERE s.post_id = r.id AND {filter(s.stage = 'posting')}
    """
_POSTED = Statement(DONE + "RETURNING post_id", batch={"id": "uuid"}, returns=("uuid",))
# Evidence that comes after a person, or the reads, had put the post back into the queue.
_POSTED_LATE = Statement(
    """
    UPDATE publish_state AS s
    SET stage = 'done', hold = NULL, hold_detail = NULL, failure_kind = NULL, review = 'resolved',
        reconcile_at = NULL, lease_token = s.lease_token + 1, lease_owner = NULL,
        lease_until = NULL, updated_at = {now}
    FROM {r} WHERE s.post_id = r.id AND {filter(s.stage = 'queued')}
    RETURNING post_id
    """,
    batch={"id": "uuid"},
    returns=("uuid",),
)
_POSTS_SENT = Statement(
    "UPDATE social_posts AS p SET status = 'posting' FROM {r}"
    " WHERE p.id = r.id AND {filter(p.status = 'queued')}",
    batch={"id": "uuid"},
)
POSTED = """
    UPDATE social_posts AS p
    SET status = 'posted', platform_post_id = r.pid, posted_at = {now}, error_message = NULL,
        updated_at = {now}
    FROM {r} WHERE p.id = r.id AND {filter(p.status = 'posting')}
    """
_POSTS_POSTED = Statement(POSTED, batch={"id": "uuid", "pid": "text"})
DETAILED = """
    UPDATE post_details AS d
    SET posted_ids = CAST(r.ids AS {json}), post_url = COALESCE(r.link, d.post_url)
    FROM {r} WHERE d.post_id = r.id
    """
_DETAILS = Statement(DETAILED, batch={"id": "uuid", "ids": "text", "link": "text"})
_FAILED = Statement(
    """
    UPDATE publish_state AS s
    SET stage = 'done', failure_kind = r.kind, hold = NULL, hold_detail = NULL,
        review = CASE WHEN s.review IS NULL THEN NULL ELSE 'resolved' END, preparing = {false},
        reconcile_at = NULL, lease_owner = NULL, lease_until = NULL, updated_at = {now}
    FROM {r} WHERE s.post_id = r.id
    AND {filter(s.lease_token = r.token AND s.stage IN ('queued', 'posting'))}
    RETURNING post_id, lease_token
    """,
    batch={"id": "uuid", "token": "int", "kind": "text"},
    returns=("uuid", "int"),
)
_POSTS_FAILED = Statement(
    """
    UPDATE social_posts AS p SET status = 'failed', error_message = r.words, updated_at = {now}
    FROM {r} WHERE p.id = r.id AND {filter(p.status IN ('queued', 'posting'))}
    """,
    batch={"id": "uuid", "words": "text"},
)
_QUEUED = Statement(
    """
    UPDATE publish_state AS s
    SET stage = 'queued', next_attempt_at = COALESCE({plus(r.delay)}, s.next_attempt_at),
        hold = r.why, hold_detail = r.words, tries = s.tries + r.counted,
        failure_kind = COALESCE(r.kind, s.failure_kind), review = NULL, reconcile_at = NULL,
        progress = COALESCE(CAST(r.note AS {json}), s.progress), preparing = {false},
        lease_owner = CASE WHEN r.keep = 1 THEN s.lease_owner ELSE NULL END,
        lease_until = CASE WHEN r.keep = 1 THEN s.lease_until ELSE NULL END, updated_at = {now}
    FROM {r} WHERE s.post_id = r.id
    AND {filter(s.lease_token = r.token AND s.stage IN ('queued', 'posting'))}
    RETURNING post_id, lease_token
    """,
    batch={
        "id": "uuid", "token": "int", "delay": "float", "why": "text", "words": "text",
        "counted": "int", "kind": "text", "note": "text", "keep": "int",
    },
    returns=("uuid", "int"),
)  # fmt: skip
_POSTS_QUEUED = Statement(
    """
    UPDATE social_posts AS p
    SET status = 'queued', error_message = COALESCE(r.words, p.error_message), updated_at = {now}
    FROM {r} WHERE p.id = r.id AND {filter(p.status IN ('queued', 'posting'))}
    """,
    batch={"id": "uuid", "words": "text"},
)
_UNCONFIRMED = Statement(
    """
    UPDATE publish_state AS s
    SET review = 'unconfirmed', failure_kind = 'unknown', reconcile_at = {plus(r.delay)},
        reconciles = 0, preparing = {false},
        progress = COALESCE(CAST(r.note AS {json}), s.progress),
        lease_owner = NULL, lease_until = NULL, updated_at = {now}
    FROM {r} WHERE s.post_id = r.id AND {filter(s.lease_token = r.token AND s.stage = 'posting')}
    RETURNING post_id, lease_token
    """,
    batch={"id": "uuid", "token": "int", "delay": "float", "note": "text"},
    returns=("uuid", "int"),
)
_POSTS_UNCONFIRMED = Statement(
    """
    UPDATE social_posts AS p SET error_message = r.words, updated_at = {now}
    FROM {r} WHERE p.id = r.id AND {filter(p.status = 'posting')}
    """,
    batch={"id": "uuid", "words": "text"},
)
_HOLD_ACCOUNT = Statement(
    """
    UPDATE publish_state AS s
    SET hold = r.why, hold_detail = r.words, updated_at = {now},
        next_attempt_at = COALESCE({plus(r.delay)}, s.next_attempt_at)
    FROM {r} WHERE s.space_id = r.space AND s.account_id = r.account
    AND s.stage = 'queued' AND s.hold IS NULL AND s.review IS NULL AND s.lease_until IS NULL
    """,
    batch={"space": "uuid", "account": "uuid", "why": "text", "words": "text", "delay": "float"},
)
_INVALID = Statement(
    """
    UPDATE social_accounts AS a SET is_valid = {false}, last_error = r.words, updated_at = {now}
    FROM {r} WHERE a.id = r.id
    """,
    batch={"id": "uuid", "words": "text"},
)


def record(unit: Unit, results: Sequence[Result]) -> set[UUID]:
    """Store results; return the posts that were changed.

    A post missing from the answer had moved on: its attempt was closed by somebody, or its lease
    was another's. One post may be in a batch under two leases, of which one changes it.

    Raises:
        sqlalchemy.exc.IntegrityError: a network gave one id to two posts (see `demote`).
    """
    judged = [r for r in results if r.attempt_id and r.outcome]
    closed = {attempt_id for (attempt_id,) in unit.run(_CLOSE, closing(judged))}
    moves: dict[Move, list[Result]] = {}
    for r in results:
        if r.attempt_id is None or not r.outcome or r.attempt_id in closed or r.unsure:
            moves.setdefault(r.move, []).append(r)
    changed = _posted(unit, moves.get(Move.POSTED, []))
    changed |= _failed(unit, moves.get(Move.FAILED, []))
    changed |= _queued(unit, [*moves.get(Move.QUEUED, []), *moves.get(Move.AGAIN, [])])
    changed |= _unconfirmed(unit, moves.get(Move.UNCONFIRMED, []))
    _accounts(unit, [r for r in results if r.whole_account])
    return changed


def closing(results: Sequence[Result]) -> list[tuple[Any, ...]]:
    """Return the batch that closes attempts."""
    return [
        (
            r.attempt_id, r.outcome, r.ids[0] if r.ids and _live(r) else None, r.error_class,
            r.message, r.retry_after, r.http_status,
        )
        for r in results
    ]  # fmt: skip


def _live(result: Result) -> bool:
    return result.move is Move.POSTED


def _posted(unit: Unit, results: Sequence[Result]) -> set[UUID]:
    if not results:
        return set()
    done = {post_id for (post_id,) in unit.run(_POSTED, [(r.post_id,) for r in results])}
    if len(done) < len(results):
        late = unit.run(_POSTED_LATE, [(r.post_id,) for r in results if r.post_id not in done])
        unit.run(_POSTS_SENT, late)
        done |= {post_id for (post_id,) in late}
    stored = [r for r in results if r.post_id in done]
    unit.run(_POSTS_POSTED, [(r.post_id, r.ids[0]) for r in stored])
    unit.run(_DETAILS, details_of(stored))
    return done


def details_of(results: Sequence[Result]) -> list[tuple[Any, ...]]:
    """Return what the post's row has no room for. A failed thread may be live in part."""
    return [
        (r.post_id, json.dumps(r.ids), r.url)
        for r in results
        if r.url or len(r.ids) > int(_live(r))
    ]


def _failed(unit: Unit, results: Sequence[Result]) -> set[UUID]:
    done = set(unit.run(_FAILED, [(r.post_id, r.token, r.failure_kind) for r in results]))
    stored = [r for r in results if r.lease in done]
    unit.run(_POSTS_FAILED, [(r.post_id, r.message) for r in stored])
    unit.run(_DETAILS, details_of(stored))
    return {post_id for post_id, _ in done}


def _queued(unit: Unit, results: Sequence[Result]) -> set[UUID]:
    rows = unit.run(
        _QUEUED,
        [
            (
                r.post_id, r.token, r.delay, r.hold, r.message if r.hold else None, int(r.counted),
                r.failure_kind, r.progress, int(r.move is Move.AGAIN),
            )
            for r in results
        ],
    )  # fmt: skip
    done = set(rows)
    # What was never armed and has nothing to say leaves the post as it is.
    told = [r for r in results if r.lease in done and (r.attempt_id or r.message)]
    unit.run(_POSTS_QUEUED, [(r.post_id, r.message) for r in told])
    return {post_id for post_id, _ in done}


def _unconfirmed(unit: Unit, results: Sequence[Result]) -> set[UUID]:
    rows = unit.run(_UNCONFIRMED, [(r.post_id, r.token, r.delay, r.progress) for r in results])
    done = set(rows)
    unit.run(_POSTS_UNCONFIRMED, [(r.post_id, r.message) for r in results if r.lease in done])
    return {post_id for post_id, _ in done}


def _accounts(unit: Unit, results: Sequence[Result]) -> None:
    unit.run(
        _HOLD_ACCOUNT,
        [
            (r.space_id, r.account_id, r.hold, r.message, r.delay)
            for r in {r.account_id: r for r in results}.values()
        ],
    )
    unit.run(_INVALID, [(r.account_id, r.message) for r in results if r.hold == "reconnect"])


def demote(result: Result) -> Result:
    """Return a result for a post whose network id belongs to another post already.

    That the network answered with an id proves something is live, but not that it is this post:
    so it is not shown as posted, and a person looks.
    """
    words = f"The network answered with the id of another post ({', '.join(result.ids)})."
    return Result(
        post_id=result.post_id,
        space_id=result.space_id,
        account_id=result.account_id,
        token=result.token,
        move=Move.UNCONFIRMED,
        attempt_id=result.attempt_id,
        outcome="unknown",
        delay=None,
        message=words,
        error_class="id_taken",
        progress=result.progress,
    )
