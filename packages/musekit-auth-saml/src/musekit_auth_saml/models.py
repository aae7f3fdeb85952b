"""Connections to identity providers, their domains, sign-ins on their way, answers seen."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import LargeBinary, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from musekit.api import Json, SystemOnly, UtcDateTime, new_id, plugin_base

if TYPE_CHECKING:  # a class made by a function is no type to a type checker

    class Base(DeclarativeBase):
        """Base of this package's tables."""

else:
    Base = plugin_base()


class SamlConnection(Base, SystemOnly):
    """An organization's identity provider, as its admins have entered it.

    Attributes:
        entity_id: the name of the provider; empty until it is set up.
        sso_url: where browsers are sent, by a redirect.
        certificates: base64 of DER, those whose keys sign. Nothing else is believed.
        last_fault: why the last answer proved nothing; for the admins who set it up.
    """

    __tablename__ = "saml_connections"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    organization_id: Mapped[UUID]
    label: Mapped[str] = mapped_column(Text)
    entity_id: Mapped[str] = mapped_column(Text, default="")
    sso_url: Mapped[str] = mapped_column(Text, default="")
    certificates: Mapped[list[str]] = mapped_column(Json, default=list)
    enabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_fault: Mapped[str | None] = mapped_column(Text)
    last_fault_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def is_complete(self) -> bool:
        """True when the provider's side is entered."""
        return bool(self.entity_id and self.sso_url and self.certificates)


class SamlDomain(Base, SystemOnly):
    """A mail domain whose people sign in by a connection, once the operator has confirmed it."""

    __tablename__ = "saml_domains"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    connection_id: Mapped[UUID]
    domain: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    confirmed_by: Mapped[UUID | None]


class SamlFlow(Base, SystemOnly):
    """A sign-in on its way: asked, and once it is answered who it is, under a one-time code.

    Attributes:
        flow_id: the core's, which is bound to the browser.
        request_id: ``ID`` of the request, which the answer has to name.
        return_to: our own address, where the browser goes with the code.
    """

    __tablename__ = "saml_flows"

    flow_id: Mapped[UUID] = mapped_column(primary_key=True)
    connection_id: Mapped[UUID]
    request_id: Mapped[str] = mapped_column(Text)
    return_to: Mapped[str] = mapped_column(Text)
    code_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    identity: Mapped[dict[str, Any] | None] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SamlReplay(Base, SystemOnly):
    """An assertion that was taken, remembered for as long as it would be good."""

    __tablename__ = "saml_replays"

    assertion_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
