"""The operator's page of domains: whose people may be sent to which organization's provider."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from musekit.api import Actor, ConflictError, HostDep, flash, operator_only, redirect, render
from musekit_auth_saml import acts, connections
from musekit_auth_saml.answering import SYSTEM

router = APIRouter(prefix="/admin/saml")

Operator = Annotated[Actor, operator_only()]
Acting = Annotated[Actor, operator_only(recent=True)]


@router.get("")
def domains_page(request: Request, host: HostDep, actor: Operator) -> Response:
    """List the domains that organizations claim."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = connections.claimed(session)
    return render(request, "musekit_auth_saml/domains.html", claimed=found)


@router.post("/{domain_id}/confirm")
def confirm(request: Request, host: HostDep, actor: Acting, domain_id: UUID) -> Response:
    """Confirm a domain."""
    try:
        found = acts.decide(request, host, actor, domain_id, good=True)
    except ConflictError as error:
        flash(request, error.detail, "danger")
    else:
        flash(request, f"People of {found.domain.domain} sign in by “{found.connection.label}”.")
    return redirect("/admin/saml")


@router.post("/{domain_id}/refuse")
def refuse(request: Request, host: HostDep, actor: Acting, domain_id: UUID) -> Response:
    """Take a domain from who claims it."""
    found = acts.decide(request, host, actor, domain_id, good=False)
    flash(request, f"{found.domain.domain} leads to no sign-in service any more.")
    return redirect("/admin/saml")
