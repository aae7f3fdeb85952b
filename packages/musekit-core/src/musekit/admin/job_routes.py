"""``/api/admin/jobs``: background work as the operator sees it; run again, or forgotten."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from musekit.admin import job_acts, jobs
from musekit.admin import job_schemas as s
from musekit.admin.rules import SYSTEM, Acting, Asked, Operator
from musekit.kernel.web.access import HostDep

router = APIRouter(prefix="/api/admin/jobs", tags=["Administration"])


@router.get("")
def get_work(host: HostDep, actor: Operator) -> s.WorkOut:
    """Say who works, what waits, and when which job runs."""
    with host.database.session(SYSTEM, readonly=True) as session:
        counts, declared = jobs.counts(session), jobs.declared(session, host)
        workers = [s.WorkerOut.of(each) for each in jobs.workers(session)]
    return s.WorkOut(
        depth=host.broker.depth(), missed=host.broker.missed, failed=counts["failed"],
        parked=counts["parked"], workers=workers,
        services=[each.name for each in host.registry.services],
        jobs=[s.JobOut.model_validate(each) for each in declared],
    )  # fmt: skip


@router.get("/{left}")
def list_left_jobs(
    host: HostDep, actor: Operator, left: jobs.Left, asked: Annotated[Asked, Query()]
) -> s.LeftJobList:
    """List the jobs that failed for good, or that no active plugin knows; the newest first."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = jobs.page(session, host, left, **asked.wanted)
        items = [s.LeftJob.of(each) for each in found.items]
    return s.LeftJobList(items=items, next_cursor=found.next)


@router.post("/{left}/{job_id}/retry", status_code=204)
def retry_job(
    request: Request, host: HostDep, actor: Acting, left: jobs.Left, job_id: UUID
) -> None:
    """Run a job once more."""
    job_acts.retry(request, host, actor, left, job_id)


@router.delete("/{left}/{job_id}", status_code=204)
def drop_job(request: Request, host: HostDep, actor: Acting, left: jobs.Left, job_id: UUID) -> None:
    """Forget a job; what it was to work on stays as it is."""
    job_acts.drop(request, host, actor, left, job_id)
