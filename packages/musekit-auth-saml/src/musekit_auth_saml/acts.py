"""What the edges do: a unit of work with the act and its entry in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from musekit.api import Actor, Host, organization_here, record_audit
from musekit_auth_saml import connections, provider_side
from musekit_auth_saml.answering import SYSTEM
from musekit_auth_saml.models import SamlConnection

if TYPE_CHECKING:
    from starlette.requests import Request


def create(request: Request, host: Host, actor: Actor, label: str) -> SamlConnection:
    """Make a connection for the organization that the actor is in."""
    organization = organization_here(host, actor)
    with host.database.session(SYSTEM) as session:
        row = connections.create(session, organization.id, label)
        record_audit(
            session, actor, "saml.connection_created", target=("saml_connection", row.id),
            organization_id=organization.id, request=request,
        )  # fmt: skip
    return row


def change(
    request: Request, host: Host, actor: Actor, connection_id: UUID, *, label: str, enabled: bool,
    metadata: str = "", entity_id: str = "", sso_url: str = "", certificate: str = "",
) -> None:  # fmt: skip
    """Enter the provider's side: from its metadata where they are given, else from the fields.

    Raises:
        InvalidError: with the field at fault; nothing was saved.
    """
    organization = organization_here(host, actor)
    side = (
        provider_side.from_metadata(metadata)
        if metadata.strip()
        else provider_side.entered(entity_id, sso_url, certificate)
    )
    with host.database.session(SYSTEM) as session:
        row = connections.find(session, organization.id, connection_id)
        changed = connections.change(session, row, label=label, side=side, enabled=enabled)
        record_audit(
            session, actor, "saml.connection_changed", target=("saml_connection", row.id),
            detail={"changed": ", ".join(changed), "enabled": enabled},
            organization_id=organization.id, request=request,
        )  # fmt: skip


def remove(request: Request, host: Host, actor: Actor, connection_id: UUID) -> None:
    """Delete a connection."""
    organization = organization_here(host, actor)
    with host.database.session(SYSTEM) as session:
        connections.remove(session, connections.find(session, organization.id, connection_id))
        record_audit(
            session, actor, "saml.connection_removed", target=("saml_connection", connection_id),
            organization_id=organization.id, request=request,
        )  # fmt: skip


def claim(request: Request, host: Host, actor: Actor, connection_id: UUID, name: str) -> None:
    """Claim a domain for a connection."""
    organization = organization_here(host, actor)
    with host.database.session(SYSTEM) as session:
        row = connections.find(session, organization.id, connection_id)
        made = connections.claim(session, row, name)
        record_audit(
            session, actor, "saml.domain_claimed", target=("saml_connection", row.id),
            detail={"domain": made.domain}, organization_id=organization.id, request=request,
        )  # fmt: skip


def unclaim(
    request: Request, host: Host, actor: Actor, connection_id: UUID, domain_id: UUID
) -> None:
    """Give a domain up."""
    organization = organization_here(host, actor)
    with host.database.session(SYSTEM) as session:
        row = connections.find(session, organization.id, connection_id)
        name = connections.unclaim(session, row, domain_id)
        record_audit(
            session, actor, "saml.domain_given_up", target=("saml_connection", row.id),
            detail={"domain": name}, organization_id=organization.id, request=request,
        )  # fmt: skip


def decide(
    request: Request, host: Host, operator: Actor, domain_id: UUID, *, good: bool
) -> connections.Claimed:
    """Confirm or refuse a domain, as the operator."""
    assert operator.user_id is not None
    with host.database.session(SYSTEM) as session:
        found = (
            connections.confirm(session, domain_id, by=operator.user_id)
            if good
            else connections.refuse(session, domain_id)
        )
        record_audit(
            session, operator, "saml.domain_confirmed" if good else "saml.domain_refused",
            target=("saml_connection", found.connection.id),
            detail={"domain": found.domain.domain},
            organization_id=found.connection.organization_id, request=request,
        )  # fmt: skip
    return found
