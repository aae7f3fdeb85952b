"""Due posts become queued, or are held with a reason. And holds that have run out are lifted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from passivepost.publishing.sql import Call, Statement, Unit

_DUE = Statement(
    """
    SELECT s.post_id, s.account_id, s.platform, s.due_at < {plus(-:late)},
           p.status IN ('scheduled', 'approved'),
           a.is_valid
    FROM publish_state s
    JOIN social_posts p ON p.id = s.post_id
    LEFT JOIN social_accounts a ON a.id = s.account_id
    WHERE s.stage = 'waiting' AND s.hold IS NULL AND s.due_at <= {now}
    ORDER BY s.due_at, s.post_id LIMIT :most {lock(s, p)}
    """,
    returns=("uuid", "uuid", "text", "bool", "bool", "bool"),
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
        updated_at = {now}
    FROM {r} WHERE s.post_id = r.id
    """,
    batch={"id": "uuid", "why": "text", "until": "time"},
)
_QUEUE_POSTS = Statement(
    "UPDATE social_posts AS p SET status = 'queued', updated_at = {now} FROM {r} WHERE p.id = r.id",
    batch={"id": "uuid"},
)
_HOLD = Statement(
    """
    UPDATE publish_state AS s SET hold = r.why, updated_at = {now} FROM {r} WHERE s.post_id = r.id
    """,
    batch={"id": "uuid", "why": "text"},
)
_MISS = Statement(
    """
    UPDATE publish_state AS s SET stage = 'done', failure_kind = 'missed', updated_at = {now}
    FROM {r} WHERE s.post_id = r.id
    """,
    batch={"id": "uuid"},
)
_MISS_POSTS = Statement(
    """
    UPDATE social_posts AS p SET status = 'failed', error_message = :words, updated_at = {now}
    FROM {r} WHERE p.id = r.id
    """,
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
# Lifted by time: the wait is over. A row that was queued is claimable again.
_THAW_TIME = Statement(
    """
    UPDATE publish_state SET hold = NULL, hold_detail = NULL, updated_at = {now}
    WHERE hold IN ('rate_limited', 'misconfigured') AND next_attempt_at <= {now}
    """
)
# Lifted by fact: the person connected the account again. Which clears `is_valid`'s fault.
_THAW_ACCOUNT = Statement(
    """
    UPDATE publish_state AS s SET hold = NULL, hold_detail = NULL, updated_at = {now}
    WHERE s.hold = 'reconnect' AND EXISTS (
        SELECT 1 FROM social_accounts a WHERE a.id = s.account_id AND a.is_valid = {true})
    """
)
# Judged anew: the plan may carry it by now. What has become late waits for a decision.
_THAW_QUOTA = Statement(
    """
    UPDATE publish_state SET hold = NULL, hold_detail = NULL, updated_at = {now}
    WHERE hold = 'quota' AND due_at >= {plus(-:late)}
    """
)
_THAW_PLATFORM = Statement(
    """
    UPDATE publish_state SET hold = NULL, hold_detail = NULL, updated_at = {now}
    WHERE hold = 'platform_missing' AND platform IN (SELECT r.name FROM {r})
    """,
    batch={"name": "text"},
)

LatePolicy = Literal["ask", "publish", "skip"]


@dataclass(frozen=True, slots=True)
class Due:
    """A post whose time has come, as far as caps are concerned."""

    post_id: UUID
    space_id: UUID
    platform: str
    due_at: datetime


def promote(
    unit: Unit,
    *,
    most: int,
    late: float,
    policy: LatePolicy,
    platforms: Collection[str],
    over_cap: Collection[UUID] = (),
) -> int:
    """Queue due posts, earliest first, by the database's clock; hold what must not go out now.

    Args:
        most: rows taken.
        late: seconds after which a post is not sent unasked.
        policy: what becomes of those.
        platforms: names of the networks that can be published to.
        over_cap: posts that the plan of their space does not carry any more.

    Returns:
        How many rows were taken; fewer than `most`: no more are due.
    """
    rows, limits = unit.send((_DUE, (), {"most": most, "late": late}), (_LIMITED, (), {}))
    if not rows:
        return 0
    gone, hold, missed, go = [], [], [], []
    for post_id, account_id, platform, is_late, live, valid in rows:
        if not live:
            gone.append((post_id,))
        elif is_late and policy == "skip":
            missed.append((post_id,))
        elif is_late and policy == "ask":
            hold.append((post_id, "late"))
        elif platform not in platforms:
            hold.append((post_id, "platform_missing"))
        elif not valid:
            hold.append((post_id, "reconnect"))
        elif post_id in over_cap:
            hold.append((post_id, "quota"))
        else:
            go.append((post_id, account_id))
    limited: dict[UUID, datetime] = dict(limits)
    unit.send(
        (
            _QUEUE,
            [
                (post_id, "rate_limited" if account in limited else None, limited.get(account))
                for post_id, account in go
            ],
            {},
        ),
        (_QUEUE_POSTS, [(post_id,) for post_id, _ in go], {}),
        (_HOLD, hold, {}),
        *_missing(missed),
        (_DROP, gone, {}),
    )
    return len(rows)


def upcoming(unit: Unit, most: int) -> list[Due]:
    """Return what `promote` would take now."""
    return [Due(*row) for row in unit.run(_UPCOMING, most=most)]


def miss(unit: Unit, posts: Sequence[UUID]) -> None:
    """Close posts that are too late, under the policy that skips them."""
    unit.send(*_missing([(post_id,) for post_id in posts]))


def _missing(rows: Sequence[tuple[UUID]]) -> tuple[Call, Call]:
    words = "Its time passed while it could not be sent, so it was not sent."
    return (_MISS, rows, {}), (_MISS_POSTS, rows, {"words": words})


def hold(unit: Unit, posts: Sequence[tuple[UUID, str]]) -> None:
    """Hold posts that are not in flight, each with its reason."""
    unit.run(_HOLD, posts)


def thaw(unit: Unit, platforms: Collection[str], late: float) -> None:
    """Lift the holds that have run out or whose cause is, or may be, mended."""
    unit.run(_THAW_QUOTA, late=late)
    unit.run(_THAW_TIME)
    unit.run(_THAW_ACCOUNT)
    unit.run(_THAW_PLATFORM, [(name,) for name in platforms])


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
