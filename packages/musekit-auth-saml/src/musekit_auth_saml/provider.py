"""SAML as the core knows it: one way to sign in, by whichever connection a person belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy.orm import Session

from musekit.api import FlowStart, FlowTaken, Host, Identity, NotFoundError
from musekit_auth_saml import connections, flows, library
from musekit_auth_saml.addresses import entrance, trust_of
from musekit_auth_saml.answering import SYSTEM
from musekit_auth_saml.models import SamlConnection
from musekit_auth_saml.settings import SamlSettings


@dataclass
class SamlProvider:
    """All connections together; which one is meant says the flow's hint."""

    key: str = "saml"
    label: str = "your organization"
    icon: str = "building-2"
    kind: Literal["oidc", "oauth", "saml"] = "saml"
    organization_bound: bool = True

    def begin(self, host: Host, flow: FlowStart) -> str:
        """Return the provider's address with a request; without a hint our page that asks."""
        settings = host.settings_of(SamlSettings)
        with host.database.session(SYSTEM) as session:
            connection = _meant(session, flow.hint)
            if connection is None:
                asked = {"next": flow.next, **({"unknown": flow.hint} if flow.hint else {})}
                return f"{entrance(host)}?{urlencode(asked)}"
            request_id = flows.begin(
                session, flow.id, connection.id, return_to=flow.redirect_uri,
                minutes=settings.minutes,
            )  # fmt: skip
            trust = trust_of(host, connection)
        xmlsec1 = library.program(settings.xmlsec1)
        return library.request_address(trust, xmlsec1, request_id, flow.state)

    def finish(self, host: Host, flow: FlowTaken, answer: Mapping[str, str]) -> Identity:
        """Return who was proven to the consumer service, for the code that it gave."""
        with host.database.session(SYSTEM) as session:
            found = flows.take(session, flow.id, answer.get("code", ""))
        return Identity(
            issuer=found["issuer"], subject=found["subject"], email=found["email"],
            email_verified=found["email_verified"], name=found["name"],
            organization_id=UUID(found["organization_id"]),
        )  # fmt: skip


def _meant(session: Session, hint: str) -> SamlConnection | None:
    """Return the connection that a hint names: its id, or an address of a confirmed domain."""
    try:
        return connections.usable(session, UUID(hint))
    except NotFoundError:
        return None
    except ValueError:
        return connections.by_domain(session, hint) if "@" in hint else None
