"""``/api/social/cron``: the work of the workers, for deployments that have none.

Called by GET (as hosting platforms do) or POST, with the cron secret and nothing else. A call
claims and delivers by itself, within its time; whoever calls twice at once gets two honest
answers, since rows are claimed and not runs.
"""

from typing import Annotated

from fastapi import APIRouter, Response
from typing_extensions import TypedDict

from musekit.api import Actor, HostDep, secret_only
from passivepost.settings import PassivePostSettings

router = APIRouter(tags=["cron"], prefix="/cron")
Cron = Annotated[Actor, secret_only("cron")]


class Delivered(TypedDict):
    """What one call delivered, and what is still due."""

    claimed: int
    posted: int
    unconfirmed: int
    remaining: int


class Pulled(TypedDict):
    """How many posts got new numbers, and how many could not be read."""

    pulled: int
    failed: int


@router.post("/process-scheduled", operation_id="process_scheduled_post")
@router.get("/process-scheduled", operation_id="process_scheduled_get")
def process_scheduled(actor: Cron, host: HostDep, response: Response) -> Delivered:
    """Publish due posts, within the time budget; call again while `remaining` is not 0."""
    from passivepost.publishing.service import deliver_once

    response.headers["Cache-Control"] = "no-store"
    budget = host.settings_of(PassivePostSettings).cron_budget_seconds
    report = deliver_once(host, budget=budget)
    return {
        "claimed": report.claimed,
        "posted": report.posted,
        "unconfirmed": report.unconfirmed,
        "remaining": report.remaining,
    }


@router.post("/pull-engagement", operation_id="pull_engagement_post")
@router.get("/pull-engagement", operation_id="pull_engagement_get")
def pull_engagement(actor: Cron, host: HostDep, response: Response) -> Pulled:
    """Pull engagement metrics of recent posts, within the time budget."""
    from passivepost.metrics.pull import pull

    response.headers["Cache-Control"] = "no-store"
    budget = host.settings_of(PassivePostSettings).cron_budget_seconds
    report = pull(host, budget=budget)
    return {"pulled": report.pulled, "failed": report.failed}
