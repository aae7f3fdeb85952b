"""Pages of an organization's connections: told to the provider, entered from it, switched on."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, UploadFile
from pydantic import BaseModel
from starlette.responses import Response

from musekit.api import (
    Actor,
    ConflictError,
    Host,
    HostDep,
    InvalidError,
    NotFoundError,
    errors_of,
    flash,
    no_organization_page,
    organization_here,
    redirect,
    render,
    requires,
)
from musekit_auth_saml import acts, addresses, connections, provider_side
from musekit_auth_saml.answering import SYSTEM
from musekit_auth_saml.models import SamlConnection

router = APIRouter(prefix="/organization/saml")

HOME = "/organization/saml"
#: Whoever sets up sign-in can come in as anybody of the organization: never by an old session.
Manager = Annotated[Actor, requires("organization.settings.write", recent=True)]
Text = Annotated[str, Form()]


class ConnectionForm(BaseModel):
    """What the form sends; judged by the service, so that faults come back to their fields."""

    label: str = ""
    metadata: str = ""
    metadata_file: UploadFile | None = None
    entity_id: str = ""
    sso_url: str = ""
    certificate: str = ""
    enabled: str = ""


@router.get("")
def connections_page(request: Request, host: HostDep, actor: Manager) -> Response:
    """List the connections."""
    try:
        return _list(request, host, actor)
    except NotFoundError:
        return no_organization_page(request, host, actor)


@router.post("")
def create(request: Request, host: HostDep, actor: Manager, label: Text = "") -> Response:
    """Make a connection and go to its page."""
    try:
        made = acts.create(request, host, actor, label)
    except InvalidError as error:
        return _list(request, host, actor, 422, label=label, errors=errors_of(error))
    except ConflictError as error:
        return _list(request, host, actor, 409, label=label, errors={"label": error.detail})
    return redirect(f"{HOME}/{made.id}")


@router.get("/{connection_id}")
def connection_page(
    request: Request, host: HostDep, actor: Manager, connection_id: UUID
) -> Response:
    """Show a connection."""
    return _one(request, host, actor, connection_id)


@router.post("/{connection_id}", max_body_size=1_048_576)  # with the provider's metadata
def change(
    request: Request, host: HostDep, actor: Manager, connection_id: UUID,
    form: Annotated[ConnectionForm, Form()],
) -> Response:  # fmt: skip
    """Save the provider's side."""
    given = form.model_dump(exclude={"metadata_file"}) | {"enabled": bool(form.enabled)}
    try:
        sent = _sent(form.metadata_file)
        acts.change(request, host, actor, connection_id, **(given | sent))
    except InvalidError as error:
        return _one(request, host, actor, connection_id, 422, errors=errors_of(error), **given)
    state = "switched on" if given["enabled"] else "saved, and switched off"
    flash(request, f"The connection is {state}.")
    return redirect(f"{HOME}/{connection_id}")


@router.post("/{connection_id}/remove")
def remove(request: Request, host: HostDep, actor: Manager, connection_id: UUID) -> Response:
    """Delete a connection."""
    acts.remove(request, host, actor, connection_id)
    flash(request, "The connection is gone. Nobody signs in by it any more.")
    return redirect(HOME)


@router.post("/{connection_id}/domains")
def claim(
    request: Request, host: HostDep, actor: Manager, connection_id: UUID, domain: Text = ""
) -> Response:
    """Claim a domain."""
    try:
        acts.claim(request, host, actor, connection_id, domain)
    except InvalidError as error:
        return _one(
            request, host, actor, connection_id, 422, domain=domain, errors=errors_of(error)
        )
    flash(request, "The operator is to confirm this domain. Until then nothing is sent there.")
    return redirect(f"{HOME}/{connection_id}")


@router.post("/{connection_id}/domains/{domain_id}/remove")
def unclaim(
    request: Request, host: HostDep, actor: Manager, connection_id: UUID, domain_id: UUID
) -> Response:
    """Give a domain up."""
    acts.unclaim(request, host, actor, connection_id, domain_id)
    flash(request, "The domain is out of the list.")
    return redirect(f"{HOME}/{connection_id}")


def _sent(file: UploadFile | None) -> dict[str, str]:
    """Return what a file says that was chosen; it takes the place of what was pasted."""
    raw = file.file.read(provider_side.MOST_BYTES + 1) if file is not None else b""
    return {"metadata": provider_side.text_of(raw)} if raw else {}


def _list(
    request: Request, host: Host, actor: Actor, status: int = 200, **given: object
) -> Response:
    organization = organization_here(host, actor)
    with host.database.session(SYSTEM, readonly=True) as session:
        found = connections.of(session, organization.id)
    blank: dict[str, object] = {"label": "", "errors": {}}
    return render(
        request, "musekit_auth_saml/connections.html", status=status, organization=organization,
        connections=found, **(blank | given),
    )  # fmt: skip


def _one(
    request: Request, host: Host, actor: Actor, connection_id: UUID, status: int = 200,
    **given: object,
) -> Response:  # fmt: skip
    organization = organization_here(host, actor)
    with host.database.session(SYSTEM, readonly=True) as session:
        row = connections.find(session, organization.id, connection_id)
        domains = connections.domains(session, row.id)
    return render(
        request, "musekit_auth_saml/connection.html", status=status, organization=organization,
        connection=row, domains=domains, entrance=addresses.entrance(host, row.id),
        audience=addresses.entity_id(host, row.id), consumer=addresses.consumer(host, row.id),
        ends=provider_side.ends_of(row.certificates), **(_blank(row) | given),
    )  # fmt: skip


def _blank(row: SamlConnection) -> dict[str, object]:
    frame = "-----{} CERTIFICATE-----"
    shown = "\n".join(
        "\n".join([frame.format("BEGIN"), *_lines(each), frame.format("END")])
        for each in row.certificates
    )
    return {
        "label": row.label, "entity_id": row.entity_id, "sso_url": row.sso_url,
        "certificate": shown, "enabled": row.enabled or not row.is_complete, "metadata": "",
        "domain": "", "errors": {},
    }  # fmt: skip


def _lines(text: str) -> list[str]:
    return [text[start : start + 64] for start in range(0, len(text), 64)]
