"""``/api/cron/work``: what a worker would do for the core, for deployments that have none.

Called by GET (as hosting platforms do) or POST, with the cron secret and nothing else.
"""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel

from musekit.kernel.actors import Actor
from musekit.kernel.queue.inline import work
from musekit.kernel.web.access import HostDep, secret_only

router = APIRouter(tags=["cron"], prefix="/api/cron")
Cron = Annotated[Actor, secret_only("cron")]


class Worked(BaseModel):
    """Names of the jobs that were run, those of them that failed, and how much is still due."""

    ran: list[str]
    failed: list[str]
    remaining: int


@router.post("/work", operation_id="cron_work_post")
@router.get("/work", operation_id="cron_work_get")
def cron_work(actor: Cron, host: HostDep, response: Response) -> Worked:
    """Run due jobs: mail, payments, clean-up. Call again while `remaining` is not 0."""
    response.headers["Cache-Control"] = "no-store"
    done = work(host, host.settings.cron_budget_seconds)
    return Worked(ran=done.ran, failed=done.failed, remaining=done.remaining)
