"""Our side of a connection: the addresses that the provider is told."""

from __future__ import annotations

from uuid import UUID
from xml.sax.saxutils import quoteattr

from musekit.api import Host
from musekit_auth_saml import names
from musekit_auth_saml.library import Trust
from musekit_auth_saml.models import SamlConnection


def entrance(host: Host, connection_id: UUID | None = None) -> str:
    """Return the page where people begin: of one connection, or the one that asks who they are."""
    path = f"/sign-in/saml/{connection_id}" if connection_id else "/sign-in/saml"
    return f"{host.settings.public_url.rstrip('/')}{path}"


def entity_id(host: Host, connection_id: UUID) -> str:
    """Return our entity id, which is where our metadata are. Each connection has its own."""
    return f"{entrance(host, connection_id)}/metadata"


def consumer(host: Host, connection_id: UUID) -> str:
    """Return the address of the assertion consumer service."""
    return f"{entrance(host, connection_id)}/acs"


def trust_of(host: Host, connection: SamlConnection) -> Trust:
    """Return both sides of a connection."""
    return Trust(
        issuer=connection.entity_id, sso_url=connection.sso_url,
        certificates=tuple(connection.certificates), audience=entity_id(host, connection.id),
        recipient=consumer(host, connection.id),
    )  # fmt: skip


def issuer_of(connection: SamlConnection) -> str:
    """Return the issuer of identities of a connection.

    The organization is part of it: whoever may set up connections chooses the entity id and the
    keys, so an entity id alone would let one organization speak for another one's people.
    """
    return f"saml:{connection.organization_id}:{connection.entity_id}"


def metadata(host: Host, connection_id: UUID) -> str:
    """Return our metadata, for the provider to read."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<md:EntityDescriptor xmlns:md="{names.METADATA}"'
        f" entityID={quoteattr(entity_id(host, connection_id))}>"
        f'<md:SPSSODescriptor protocolSupportEnumeration="{names.PROTOCOL}"'
        ' AuthnRequestsSigned="false" WantAssertionsSigned="true">'
        f'<md:AssertionConsumerService index="0" isDefault="true" Binding="{names.POST}"'
        f" Location={quoteattr(consumer(host, connection_id))}/>"
        "</md:SPSSODescriptor></md:EntityDescriptor>\n"
    )
