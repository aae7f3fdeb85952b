"""Holding an account's scheduled posts while it cannot be used, and letting them go again.

Rows of the due queue are reached through the posts of the space, which have an index for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from musekit.api import SocialAccount, SocialPost
from passivepost.models import in_state
from passivepost.publishing.models import PublishState

RECONNECT = "reconnect"
#: Holds that say less than that the account is gone.
_WEAKER = ("rate_limited", "platform_down", "misconfigured")


def hold(session: Session, row: SocialAccount, detail: str) -> int:
    """Hold what waits for an account; what is on its way is left to the publisher.

    Returns:
        How many posts were held by this.
    """
    return _hold(session, row, detail, PublishState.lease_until.is_(None))


def detach(session: Session, row: SocialAccount, detail: str) -> int:
    """Hold what waits for an account that goes away, also what a worker has in hand unsent.

    Raising the lease's token makes that worker's arming fail, so nothing is sent any more.
    """
    return _hold(
        session, row, detail,
        account_id=None, lease_owner=None, lease_until=None, preparing=False,
        lease_token=PublishState.lease_token + 1,
    )  # fmt: skip


def release(session: Session, row: SocialAccount) -> None:
    """Let go what waited for an account to be connected again."""
    session.execute(
        update(PublishState)
        .where(PublishState.post_id.in_(_planned(row)), PublishState.hold == RECONNECT)
        .values(hold=None, hold_detail=None, updated_at=datetime.now(UTC))
        .execution_options(synchronize_session=False)
    )


def reattach(session: Session, post_ids: Sequence[UUID], account_id: UUID) -> None:
    """Give scheduled posts their account back, after it was disconnected and came again."""
    session.execute(
        update(PublishState)
        .where(PublishState.post_id.in_(post_ids), PublishState.account_id.is_(None))
        .values(account_id=account_id, updated_at=datetime.now(UTC))
        .execution_options(synchronize_session=False)
    )


def _hold(session: Session, row: SocialAccount, detail: str, *conditions: Any, **more: Any) -> int:
    values = {
        "hold": RECONNECT, "hold_detail": detail[:500], "updated_at": datetime.now(UTC), **more,
    }  # fmt: skip
    held = session.scalars(
        update(PublishState)
        .where(
            PublishState.post_id.in_(_planned(row)),
            PublishState.stage.in_(("waiting", "queued")),
            or_(PublishState.hold.is_(None), PublishState.hold.in_(_WEAKER)),
            *conditions,
        )
        .values(**values)
        .returning(PublishState.post_id)
        .execution_options(synchronize_session=False)
    )
    return len(held.all())


def _planned(row: SocialAccount) -> Select[Any]:
    return select(SocialPost.id).where(
        SocialPost.space_id == row.space_id,
        in_state(SocialPost, ("scheduled", "approved", "queued")),
        SocialPost.account_id == row.id,
    )
