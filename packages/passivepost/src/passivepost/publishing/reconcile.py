"""Reconciling: posts that were sent without an answer are looked for, then a person decides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from passivepost.publishing.outcomes import Rules
from passivepost.publishing.reading import read
from passivepost.publishing.record import record
from passivepost.publishing.sql import Statement, Unit
from passivepost.publishing.work import Claim, Move, Result
from passivepost.sdk.content import Found
from passivepost.sdk.platform import Platform

# Moving the time on is the lease of the look: others leave the post alone until then.
_TAKE = Statement(
    """
    UPDATE publish_state AS t SET reconcile_at = {plus(:lease)}, updated_at = {now}
    FROM (SELECT s.post_id AS id FROM publish_state s
          WHERE s.review = 'unconfirmed' AND s.reconcile_at <= {now}
          ORDER BY s.reconcile_at LIMIT :most {lock(s)}) AS r
    WHERE t.post_id = r.id
    RETURNING post_id, reconciles
    """,
    returns=("uuid", "int"),
)
_FACTS = Statement(
    """
    SELECT s.post_id, a.id, a.armed_at, {now}, s.due_at >= {plus(-:late)}
    FROM {r} JOIN publish_state s ON s.post_id = r.id
    JOIN publish_attempts a ON a.post_id = s.post_id AND a.publish_key = s.publish_key
    WHERE a.outcome IS NULL OR a.outcome = 'unknown'
    ORDER BY a.n
    """,
    batch={"id": "uuid"},
    returns=("uuid", "uuid", "time", "time", "bool"),
)
_LATER = Statement(
    """
    UPDATE publish_state AS s
    SET reconciles = r.looks, reconcile_at = {plus(r.delay)}, updated_at = {now}
    FROM {r}
    WHERE s.post_id = r.id AND s.review = 'unconfirmed' AND s.lease_token = r.token
    """,
    batch={"id": "uuid", "token": "int", "looks": "int", "delay": "float"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A post to be looked for."""

    claim: Claim
    looks: int  #: read-backs made before this one
    attempt_id: UUID | None  #: the last attempt in doubt
    armed_at: datetime | None
    now: datetime  #: the database's clock
    in_time: bool  #: still inside the late window


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a read-back saw; `found` is None when it could not tell."""

    doubt: Doubt
    found: Found | None


def take(
    unit: Unit, *, most: int, lease: float, late: float, platforms: Mapping[str, Platform]
) -> list[Doubt]:
    """Take posts whose next look has come; `lease` seconds nobody else looks for them."""
    rows = unit.run(_TAKE, most=most, lease=lease)
    looks: dict[UUID, int] = dict(rows)
    known = [post_id for post_id, _ in rows]
    facts = {row[0]: row for row in unit.run(_FACTS, [(post_id,) for post_id in known], late=late)}
    doubts = []
    for claim in read(unit, known, platforms):
        _, attempt_id, armed_at, now, in_time = facts.get(
            claim.post_id, (None, None, None, None, False)
        )
        doubts.append(
            Doubt(
                claim=claim, looks=looks[claim.post_id], attempt_id=attempt_id, armed_at=armed_at,
                now=now, in_time=in_time,
            )
        )  # fmt: skip
    return doubts


def settle(unit: Unit, looks: list[Look], *, rules: Rules, quiet: float) -> int:
    """Store what looks have shown; return how many posts left the doubt.

    Found live: posted. Not found by the last look: sent again only if it is still in time and the
    call has long been over; else, and when nothing could be read, a person is asked.

    Args:
        quiet: seconds after the longest call before "not there" may mean "will not come".
    """
    results, later = [], []
    for look in looks:
        doubt, found = look.doubt, look.found
        if found is not None and found.complete and found.ids:
            results.append(_result(doubt, Move.POSTED, "reconciled_live", found))
            continue
        done = doubt.looks + 1
        if done < len(rules.reconcile):
            delay: float | None = rules.reconcile[done] - rules.reconcile[done - 1]
        elif found is not None and _may_resend(doubt, quiet):
            results.append(_result(doubt, Move.QUEUED, "reconciled_absent", found))
            continue
        else:
            delay = None  # a person is asked
        later.append((doubt.claim.post_id, doubt.claim.token, done, delay))
    record(unit, results)
    unit.run(_LATER, later)
    return len(results)


def _may_resend(doubt: Doubt, quiet: float) -> bool:
    if doubt.armed_at is None or not doubt.in_time:
        return False
    age = (doubt.now - doubt.armed_at).total_seconds()
    return age >= doubt.claim.platform.delivery.longest_call + quiet


def _result(doubt: Doubt, move: Move, outcome: str, found: Found) -> Result:
    claim = doubt.claim
    more: dict[str, Any] = {}
    if move is Move.POSTED:
        more["ids"], more["url"] = [str(i) for i in found.ids], found.url
    elif len(found.ids) > len(claim.progress.get("ids") or []):
        # A thread of which some parts are live goes on after them. Fewer than were noted only mean
        # that the read-back lags: what the network had answered for stays posted.
        more["progress"] = json.dumps({**claim.progress, "ids": [str(i) for i in found.ids]})
    return Result(
        post_id=claim.post_id,
        space_id=claim.space_id,
        account_id=claim.account_id,
        token=claim.token,
        move=move,
        attempt_id=doubt.attempt_id,
        outcome=outcome,
        **more,
    )
