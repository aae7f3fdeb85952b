"""The first page of the operator, and how each part of the deployment is."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from musekit.admin import jobs, organizations, users
from musekit.admin.rules import SYSTEM, Operator
from musekit.kernel import health
from musekit.kernel.web.access import HostDep
from musekit.kernel.web.pages import render

router = APIRouter(prefix="/admin")


@router.get("")
def overview_page(request: Request, host: HostDep, actor: Operator) -> Response:
    """Say how the deployment is, what needs the operator, and what is installed."""
    with host.database.session(SYSTEM, readonly=True) as session:
        people = users.count(session)
        several = organizations.count(session)
        left = jobs.counts(session)
    return render(
        request, "musekit/admin/overview.html", people=people, organizations=several, left=left,
        findings=[each for each in health.worst_first(host) if each.status != "ok"],
        plugins=host.registry.plugins, depth=host.broker.depth(),
    )  # fmt: skip


@router.get("/health")
def health_page(request: Request, host: HostDep, actor: Operator) -> Response:
    """Show what each part says of itself, the worst first, and what to do about it."""
    return render(request, "musekit/admin/health.html", findings=health.worst_first(host))
