"""Holds: why a post that is due does not go out, for how long, and what lifts that."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from passivepost.publishing.sql import Call, Statement, Unit

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


def hold(unit: Unit, posts: Sequence[tuple[UUID, str]]) -> None:
    """Hold posts that are not in flight, each with its reason."""
    unit.send(holding(posts))


def holding(posts: Sequence[tuple[UUID, str]]) -> Call:
    """Return the statement of `hold`."""
    return _HOLD, posts, {}


def miss(unit: Unit, posts: Sequence[UUID]) -> None:
    """Close posts that are too late, under the policy that skips them."""
    unit.send(*missing([(post_id,) for post_id in posts]))


def missing(rows: Sequence[tuple[UUID]]) -> tuple[Call, Call]:
    """Return the statements of `miss`."""
    words = "Its time passed while it could not be sent, so it was not sent."
    return (_MISS, rows, {}), (_MISS_POSTS, rows, {"words": words})


def thaw(unit: Unit, platforms: Collection[str], late: float) -> None:
    """Lift the holds that have run out or whose cause is, or may be, mended."""
    unit.run(_THAW_QUOTA, late=late)
    unit.run(_THAW_TIME)
    unit.run(_THAW_ACCOUNT)
    unit.run(_THAW_PLATFORM, [(name,) for name in platforms])
