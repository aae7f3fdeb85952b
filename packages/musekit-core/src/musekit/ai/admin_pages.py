"""The operator's pages of the language models: which answers, what it costs, what failed."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from musekit.admin.rules import SYSTEM, Acting, Operator, Wanted
from musekit.ai import acts, configs, ledger, state
from musekit.ai.forms import ServiceForm, filled
from musekit.ai.models import AICallRecord
from musekit.errors import InvalidError, MuseKitError, NotFoundError
from musekit.kernel.host import Host
from musekit.kernel.listing import newest_first
from musekit.kernel.web.access import HostDep
from musekit.kernel.web.flash import flash, refusals
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render

router = APIRouter(prefix="/admin/ai")
PAGE = "/admin/ai"


@router.get("")
def ai_page(request: Request, host: HostDep, actor: Operator) -> Response:
    """Show which model answers for everybody without an own one, and what calls have cost."""
    with host.database.session(SYSTEM, readonly=True) as session:
        services = configs.listed(session, host, None)
        days = ledger.by_day(session, days=ledger.DAYS)
        choice, problem = state.of_operator(session, host)
    return render(
        request, "musekit/admin/ai.html", services=services, days=days, choice=choice,
        problem=problem, calls=sum(each.calls for each in days),
        dollars=sum(each.micros for each in days) / 1_000_000,
    )  # fmt: skip


@router.get("/calls")
def calls_page(
    request: Request, host: HostDep, actor: Operator, wanted: Annotated[Wanted, Query()]
) -> Response:
    """List the calls of all spaces: when, by what, how it ended. What was written is not kept."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = newest_first(
            session, host, ledger.calls(), AICallRecord.started_at, AICallRecord.id,
            after=wanted.after,
        )  # fmt: skip
        items = list(found.items)
    return render(request, "musekit/admin/ai-calls.html", items=items, next=found.next)


@router.get("/services")
def services_page(request: Request, host: HostDep, actor: Acting, edit: str = "") -> Response:
    """Show the form by which a service is set up."""
    return _form(request, host, edit=edit)


@router.post("/services")
def set_up(
    request: Request, host: HostDep, actor: Acting, form: Annotated[ServiceForm, Form()]
) -> Response:
    """Set a service up for everybody, or change it."""
    try:
        row = acts.save(request, host, actor, form.wanted(), organization_id=None)
    except InvalidError as error:
        return _form(request, host, 422, given=form.again(), errors=errors_of(error))
    flash(request, f"{row.label} is set up. Test it, so that you know that it answers.")
    return redirect(PAGE)


@router.post("/{config_id}/remove")
def remove(request: Request, host: HostDep, actor: Acting, config_id: UUID) -> Response:
    """Take a service away, with its key."""
    with refusals(request, NotFoundError, tone="info"):
        row = acts.remove(request, host, actor, config_id, organization_id=None)
        flash(request, f"{row.label} is taken away, and its key is deleted here.")
    return redirect(PAGE)


@router.post("/{config_id}/test")
def try_out(request: Request, host: HostDep, actor: Acting, config_id: UUID) -> Response:
    """Ask a service for a word, and say how that went."""
    with refusals(request, MuseKitError):
        # An operator's act is of no space; the call is counted in the one they are in.
        here = request.state.musekit_actor.space_id
        result = acts.try_out(host, actor, config_id, organization_id=None, space_id=here)
        flash(request, f"{result.model} has answered.")
    return redirect(PAGE)


def _form(
    request: Request, host: Host, status: int = 200, *, edit: str = "", **given: Any
) -> Response:
    with host.database.session(SYSTEM, readonly=True) as session:
        services = configs.listed(session, host, None)
    return render(
        request, "musekit/admin/ai-service.html", status=status,
        **(filled(host, services, edit) | given),
    )  # fmt: skip
