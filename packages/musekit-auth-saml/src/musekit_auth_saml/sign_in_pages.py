"""Where signing in by SAML begins, and where the provider's answer arrives."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.api import Actor, HostDep, RateLimit, public, redirect, render, safe_next
from musekit_auth_saml import addresses, answering, connections, document

router = APIRouter(prefix="/sign-in/saml")

#: Verifying an answer starts a program, so one address may have it done that often.
ANSWERS = RateLimit(name="saml-answers", hits=120, seconds=60, per="address")
Anybody = Annotated[Actor | None, public()]
Provider = Annotated[Actor | None, public(cross_site=True, limit=ANSWERS)]
Text = Annotated[str, Form()]


@router.get("")
def entrance(
    request: Request, actor: Anybody, next: str = "", unknown: str = "",  # noqa: A002
) -> Response:  # fmt: skip
    """Ask for the address, by which the organization is found."""
    fault = (
        "No organization here signs its people in by this address. Ask in yours for the address of"
        " its sign-in page, or sign in by your password."
        if unknown
        else ""
    )
    return render(
        request, "musekit_auth_saml/entrance.html", status=422 if unknown else 200,
        next=safe_next(next, ""), email=unknown[:320], fault=fault,
    )  # fmt: skip


@router.post("")
def look_up(
    request: Request, actor: Anybody, *, email: Text = "", next: Text = "",  # noqa: A002
) -> Response:  # fmt: skip
    """Go on to the sign-in of the organization that an address belongs to."""
    asked = {"hint": email.strip()[:320], "next": safe_next(next)}
    return redirect(f"/sign-in/with/saml?{urlencode(asked)}")


@router.get("/{connection_id}")
def organization_entrance(
    request: Request, host: HostDep, actor: Anybody, connection_id: UUID,
    next: str = "",  # noqa: A002
) -> Response:  # fmt: skip
    """Show the way in of one organization: the address that it gives to its people."""
    with host.database.session(answering.SYSTEM, readonly=True) as session:
        connection = connections.usable(session, connection_id)
    asked = {"hint": str(connection.id), "next": safe_next(next)}
    return render(
        request, "musekit_auth_saml/organization-entrance.html", label=connection.label,
        target=f"/sign-in/with/saml?{urlencode(asked)}",
    )  # fmt: skip


@router.get("/{connection_id}/metadata", include_in_schema=False)
def metadata(host: HostDep, actor: Anybody, connection_id: UUID) -> Response:
    """Give our metadata. The same for ids that are none: it tells nothing."""
    return Response(
        addresses.metadata(host, connection_id), media_type="application/samlmetadata+xml",
        headers={"content-disposition": 'inline; filename="metadata.xml"'},
    )  # fmt: skip


@router.post("/{connection_id}/acs", include_in_schema=False, max_body_size=2 * document.MOST)
def consume(
    host: HostDep, actor: Provider, connection_id: UUID, *,
    answer: Annotated[str, Form(alias="SAMLResponse")] = "",
    relay_state: Annotated[str, Form(alias="RelayState")] = "",
) -> Response:  # fmt: skip
    """Take the provider's answer and send the browser on to where its cookie is looked at."""
    return redirect(answering.accept(host, connection_id, answer, relay_state[:200]))
