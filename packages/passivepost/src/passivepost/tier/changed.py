"""A space's plan is another: what was held for it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from musekit.api import Host


def resume(host: Host, space_ids: Sequence[UUID]) -> int:
    """Let posts of some spaces go on that wait for a larger plan; return how many do.

    Each is judged anew when it is taken up: held again where the plan still does not carry it,
    and left to a person's decision where its time is long past.
    """
    from sqlalchemy import update

    from musekit.api import Actor
    from passivepost.publishing.bell import bell_of
    from passivepost.publishing.models import PublishState

    with host.database.session(Actor.system("plans")) as session:
        freed = session.scalars(
            update(PublishState)
            .where(PublishState.hold == "quota", PublishState.space_id.in_(space_ids))
            .values(hold=None, hold_detail=None, updated_at=datetime.now(UTC))
            .returning(PublishState.post_id)
            .execution_options(synchronize_session=False)
        ).all()
    if freed:
        bell_of(host).ring()
        host.broker.enqueue("social-post")  # for publishers of other processes
    return len(freed)
