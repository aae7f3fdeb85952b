"""Pages of background work."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from musekit.admin import job_acts, jobs
from musekit.admin.rules import SYSTEM, Acting, Operator, Wanted
from musekit.errors import ConflictError, NotFoundError
from musekit.kernel.web.access import HostDep
from musekit.kernel.web.flash import flash, refusals
from musekit.kernel.web.pages import redirect, render

router = APIRouter(prefix="/admin/jobs")


@router.get("")
def jobs_page(request: Request, host: HostDep, actor: Operator) -> Response:
    """Show who works, what waits, and when which job runs."""
    with host.database.session(SYSTEM, readonly=True) as session:
        counts, declared = jobs.counts(session), jobs.declared(session, host)
        workers = jobs.workers(session)
    return render(
        request, "musekit/admin/jobs.html", depth=host.broker.depth(), missed=host.broker.missed,
        services=host.registry.services, counts=counts, jobs=declared, workers=workers,
    )  # fmt: skip


@router.get("/{left}")
def left_page(
    request: Request, host: HostDep, actor: Operator, left: jobs.Left,
    wanted: Annotated[Wanted, Query()],
) -> Response:  # fmt: skip
    """List the jobs that failed for good, or that no active plugin knows."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = jobs.page(session, host, left, **wanted.model_dump())
        counts = jobs.counts(session)
    return render(
        request, "musekit/admin/jobs-left.html", left=left, items=found.items, next=found.next,
        counts=counts, known=host.registry.jobs, wanted=wanted.model_dump(),
    )  # fmt: skip


@router.post("/{left}/{job_id}/retry")
def retry(
    request: Request, host: HostDep, actor: Acting, left: jobs.Left, job_id: UUID
) -> Response:
    """Run a job once more."""
    with refusals(request, ConflictError, NotFoundError, tone="info"):
        name = job_acts.retry(request, host, actor, left, job_id)
        flash(request, f"“{name}” is queued once more.")
    return redirect(f"/admin/jobs/{left}")


@router.post("/{left}/{job_id}/drop")
def drop(request: Request, host: HostDep, actor: Acting, left: jobs.Left, job_id: UUID) -> Response:
    """Forget a job; what it was to work on stays as it is."""
    with refusals(request, NotFoundError, tone="info"):
        name = job_acts.drop(request, host, actor, left, job_id)
        flash(request, f"“{name}” is forgotten. What it was to work on is unchanged.")
    return redirect(f"/admin/jobs/{left}")
