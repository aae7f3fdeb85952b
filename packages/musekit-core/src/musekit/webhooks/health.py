"""How the webhooks of a deployment are: whether what waits is taken up."""

from __future__ import annotations

from sqlalchemy import func, select

from musekit.declarations import Health
from musekit.kernel.actors import Actor
from musekit.kernel.database.conditions import one_of
from musekit.kernel.database.types import db_after
from musekit.kernel.host import Host
from musekit.webhooks.models import WebhookDelivery
from musekit.webhooks.queue import OPEN

#: Seconds after its time that a delivery may wait.
LATE = 600.0
_ACTOR = Actor.system("webhooks")


def health(host: Host) -> Health:
    """Say whether deliveries are overdue. Calls no network."""
    with host.database.session(_ACTOR, readonly=True) as session:
        late = session.scalar(
            select(func.count(WebhookDelivery.id)).where(
                one_of(WebhookDelivery.state, OPEN),
                WebhookDelivery.next_attempt_at < db_after(-LATE),
            )
        )
    if not late:
        return Health(status="ok")
    return Health(
        status="warn", detail=f"{late} webhook deliveries are overdue by ten minutes and more",
        advice="Look whether a worker runs, or cron: the job is webhook-deliver.",
    )  # fmt: skip
