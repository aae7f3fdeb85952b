"""The page of an organization's own language model."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.ai import acts, configs, ledger, state
from musekit.ai.forms import ServiceForm, filled
from musekit.ai.opening import SYSTEM
from musekit.errors import InvalidError, MuseKitError, NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.ratelimit.policies import AI
from musekit.kernel.web.access import HostDep, requires
from musekit.kernel.web.flash import flash, refusals
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render
from musekit.organizations import service as organizations

router = APIRouter(prefix="/organization/ai")
PAGE = "/organization/ai"

Manager = Annotated[Actor, requires("ai.settings.write", recent=True)]
#: The test asks the service once.
Trying = Annotated[Actor, requires("ai.settings.write", recent=True, limit=AI)]


@router.get("")
def ai_page(request: Request, host: HostDep, actor: Manager, edit: str = "") -> Response:
    """Show which model answers here, and the form to choose one of one's own."""
    return _page(request, host, actor, edit=edit)


@router.post("")
def set_up(
    request: Request, host: HostDep, actor: Manager, form: Annotated[ServiceForm, Form()]
) -> Response:
    """Set a service up, or change it."""
    organization = _here(host, actor)
    try:
        row = acts.save(request, host, actor, form.wanted(), organization_id=organization.id)
    except InvalidError as error:
        return _page(request, host, actor, 422, given=form.again(), errors=errors_of(error))
    flash(request, f"{row.label} is set up. Test it, so that you know that it answers.")
    return redirect(PAGE)


@router.post("/{config_id}/remove")
def remove(request: Request, host: HostDep, actor: Manager, config_id: UUID) -> Response:
    """Take a service away, with its key."""
    organization = _here(host, actor)
    with refusals(request, NotFoundError, tone="info"):
        row = acts.remove(request, host, actor, config_id, organization_id=organization.id)
        flash(request, f"{row.label} is taken away, and its key is deleted here.")
    return redirect(PAGE)


@router.post("/{config_id}/test")
def try_out(request: Request, host: HostDep, actor: Trying, config_id: UUID) -> Response:
    """Ask a service for a word, and say how that went."""
    organization = _here(host, actor)
    with refusals(request, MuseKitError):
        result = acts.try_out(host, actor, config_id, organization_id=organization.id)
        flash(request, f"{result.model} has answered.")
    return redirect(PAGE)


def _here(host: Host, actor: Actor) -> Any:
    with host.database.session(SYSTEM, readonly=True) as session:
        return organizations.of(session, actor.space_id)


def _page(
    request: Request, host: Host, actor: Actor, status: int = 200, *, edit: str = "", **given: Any
) -> Response:
    assert actor.user_id is not None
    assert actor.space_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        try:
            organization = organizations.of(session, actor.space_id)
        except NotFoundError:
            joined = organizations.joined(session, actor.user_id)
            return render(request, "musekit/organization/none.html", joined=joined)
        services = configs.listed(session, host, organization.id)
        calls, micros = ledger.spent(session, days=ledger.DAYS, organization_id=organization.id)
    return render(
        request, "musekit/organization/ai.html", status=status, organization=organization,
        services=services, answering=state.of_space(host, actor.space_id), calls=calls,
        dollars=micros / 1_000_000, **(filled(host, services, edit) | given),
    )  # fmt: skip
