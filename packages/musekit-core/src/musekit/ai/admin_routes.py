"""``/api/admin/ai``: the language models as the operator sets them up for everybody."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from musekit.admin.rules import Acting, Operator
from musekit.ai import acts, ledger, state
from musekit.ai import service_schemas as s
from musekit.ai.models import AICallRecord
from musekit.ai.opening import SYSTEM
from musekit.ai.schemas import CallList, CallOut
from musekit.ai.service_routes import listed
from musekit.kernel.listing import newest_first
from musekit.kernel.web.access import HostDep

router = APIRouter(prefix="/api/admin/ai", tags=["Administration"])


@router.get("")
def get_models(host: HostDep, actor: Operator) -> s.AdminAI:
    """Say which model answers for everybody without an own one, and what calls have cost."""
    with host.database.session(SYSTEM, readonly=True) as session:
        choice, problem = state.of_operator(session, host)
        days = ledger.by_day(session, days=ledger.DAYS)
    return s.AdminAI(
        provider=choice.provider.key if choice else None,
        model=choice.config.model if choice else None, problem=problem,
        days=[s.DayOut.model_validate(each) for each in days],
    )  # fmt: skip


@router.get("/calls")
def list_all_calls(
    host: HostDep, actor: Operator, cursor: Annotated[str, Query(max_length=500)] = ""
) -> CallList:
    """List the calls of all spaces, the newest first. What was written is not kept."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = newest_first(
            session, host, ledger.calls(), AICallRecord.started_at, AICallRecord.id, after=cursor
        )
        items = [CallOut.of(each) for each in found.items]
    return CallList(items=items, next_cursor=found.next)


@router.get("/services")
def list_services_of_all(host: HostDep, actor: Operator) -> s.ServiceList:
    """List the services that answer for everybody without an own one, without their keys."""
    return listed(host, None)


@router.post("/services")
def set_service_of_all_up(
    request: Request, host: HostDep, actor: Acting, body: s.ServiceIn
) -> s.ServiceList:
    """Set a service up for everybody, or change it: there is one of each provider."""
    acts.save(request, host, actor, body.wanted(), organization_id=None)
    return listed(host, None)


@router.delete("/services/{config_id}", status_code=204)
def remove_service_of_all(request: Request, host: HostDep, actor: Acting, config_id: UUID) -> None:
    """Take a service away, with its key."""
    acts.remove(request, host, actor, config_id, organization_id=None)


@router.post("/services/{config_id}/test")
def test_service_of_all(
    request: Request, host: HostDep, actor: Acting, config_id: UUID
) -> s.Tested:
    """Ask a service for a word."""
    # An operator's act is of no space; the call is counted in the one they are in.
    here = request.state.musekit_actor.space_id
    result = acts.try_out(host, actor, config_id, organization_id=None, space_id=here)
    return s.Tested(model=result.model, text=result.text)
