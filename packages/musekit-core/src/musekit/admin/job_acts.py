"""What the operator does with left-over jobs: each an edge, noted in the audit log."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request

from musekit.admin import jobs
from musekit.admin.rules import SYSTEM
from musekit.audit import service as audit
from musekit.errors import ConflictError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host


def retry(request: Request, host: Host, actor: Actor, left: jobs.Left, job_id: UUID) -> str:
    """Run a job once more; return its name.

    Raises:
        NotFoundError: it is gone, as when somebody was faster.
        ConflictError: no active plugin knows the job, or the queue cannot be reached.
    """
    with host.database.session(SYSTEM, readonly=True) as session:
        message = jobs.message_of(session, host, left, job_id)
    if not host.broker.ring(message):
        raise ConflictError("The queue cannot be reached. The job stays here; try again later.")
    return _take_off(request, host, actor, left, job_id, action="job.retried")


def drop(request: Request, host: Host, actor: Actor, left: jobs.Left, job_id: UUID) -> str:
    """Forget a job, return its name; what it was to work on stays. NotFoundError as above."""
    return _take_off(request, host, actor, left, job_id, action="job.dropped")


def _take_off(
    request: Request, host: Host, actor: Actor, left: jobs.Left, job_id: UUID, *, action: str
) -> str:
    with host.database.session(SYSTEM) as session:
        name = jobs.drop(session, left, job_id)
        audit.record(
            session, actor, action, target=("job", name), request=request, detail={"was": left}
        )
    return name
