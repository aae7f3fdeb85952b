"""``/api/ai/services``: the services of the organization whose space one is in."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request

from musekit.ai import acts, configs
from musekit.ai import service_schemas as s
from musekit.ai.opening import SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.ratelimit.policies import AI
from musekit.kernel.web.access import HostDep, requires
from musekit.organizations import service as organizations

router = APIRouter(prefix="/api/ai/services", tags=["AI"])

Reader = Annotated[Actor, requires("ai.settings.write")]
Manager = Annotated[Actor, requires("ai.settings.write", recent=True)]
#: The test asks the service once.
Trying = Annotated[Actor, requires("ai.settings.write", recent=True, limit=AI)]


@router.get("")
def list_services(host: HostDep, actor: Reader) -> s.ServiceList:
    """List the services that the organization has set up, without their keys."""
    return listed(host, _here(host, actor))


@router.post("")
def set_service_up(
    request: Request, host: HostDep, actor: Manager, body: s.ServiceIn
) -> s.ServiceList:
    """Set a service up, or change it: the organization has one of each provider."""
    here = _here(host, actor)
    acts.save(request, host, actor, body.wanted(), organization_id=here)
    return listed(host, here)


@router.delete("/{config_id}", status_code=204)
def remove_service(request: Request, host: HostDep, actor: Manager, config_id: UUID) -> None:
    """Take a service away, with its key."""
    acts.remove(request, host, actor, config_id, organization_id=_here(host, actor))


@router.post("/{config_id}/test")
def test_service(host: HostDep, actor: Trying, config_id: UUID) -> s.Tested:
    """Ask a service for a word."""
    result = acts.try_out(host, actor, config_id, organization_id=_here(host, actor))
    return s.Tested(model=result.model, text=result.text)


def listed(host: Host, organization_id: UUID | None) -> s.ServiceList:
    """Return what is set up for an organization, or (None) by the operator."""
    with host.database.session(SYSTEM, readonly=True) as session:
        return s.ServiceList.of(configs.listed(session, host, organization_id))


def _here(host: Host, actor: Actor) -> UUID:
    """Return the organization one is in; NotFoundError in a personal space."""
    with host.database.session(SYSTEM, readonly=True) as session:
        return organizations.of(session, actor.space_id).id
