"""Connections of an organization. Runs as the system, after the edge's check of rights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from musekit.api import ConflictError, InvalidError, NotFoundError, new_id
from musekit_auth_saml.models import SamlConnection, SamlDomain
from musekit_auth_saml.provider_side import ProviderSide

#: Connections of one organization, and domains of one connection.
MOST, MOST_DOMAINS = 5, 20
_PART = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{4,253}}$)({_PART}\.)+[a-z][a-z0-9-]{{0,61}}[a-z0-9]")


class Claimed(NamedTuple):
    """A domain with the connection that claims it."""

    domain: SamlDomain
    connection: SamlConnection


def of(session: Session, organization_id: UUID) -> Sequence[SamlConnection]:
    """Return the connections of an organization, the oldest first."""
    return session.scalars(
        select(SamlConnection)
        .where(SamlConnection.organization_id == organization_id)
        .order_by(SamlConnection.created_at, SamlConnection.id)
    ).all()


def find(session: Session, organization_id: UUID, connection_id: UUID) -> SamlConnection:
    """Return a connection of an organization; NotFoundError if it has none of that id."""
    row = session.get(SamlConnection, connection_id)
    if row is None or row.organization_id != organization_id:
        raise NotFoundError("There is no such connection in this organization.")
    return row


def usable(session: Session, connection_id: UUID) -> SamlConnection:
    """Return a connection by which people may sign in now; NotFoundError if it is not one."""
    row = session.get(SamlConnection, connection_id)
    if row is None or not (row.enabled and row.is_complete):
        raise NotFoundError(
            "There is no sign-in service here. Ask in your organization for its address."
        )
    return row


def by_domain(session: Session, email: str) -> SamlConnection | None:
    """Return the connection that people with an address sign in by; confirmed domains only."""
    if not _DOMAIN.fullmatch(domain_of(email)):
        return None
    return session.scalars(
        select(SamlConnection)
        .join(SamlDomain, SamlDomain.connection_id == SamlConnection.id)
        .where(
            SamlDomain.domain == domain_of(email), SamlDomain.confirmed_at.is_not(None),
            SamlConnection.enabled.is_(True), SamlConnection.entity_id != "",
        )
    ).one_or_none()  # fmt: skip


def vouches_for(session: Session, connection_id: UUID, email: str) -> bool:
    """Say whether the operator has confirmed that a connection speaks for an address's domain."""
    found = session.scalar(
        select(SamlDomain.id).where(
            SamlDomain.connection_id == connection_id, SamlDomain.domain == domain_of(email),
            SamlDomain.confirmed_at.is_not(None),
        )
    )  # fmt: skip
    return found is not None


def create(session: Session, organization_id: UUID, label: str) -> SamlConnection:
    """Make a connection, so that the provider can be told of it.

    Raises:
        InvalidError: the label is empty or too long.
        ConflictError: there are enough.
    """
    if len(of(session, organization_id)) >= MOST:
        raise ConflictError(f"An organization has at most {MOST} connections. Nothing was made.")
    now = datetime.now(UTC)
    row = SamlConnection(
        id=new_id(), organization_id=organization_id, label=_label(label), created_at=now,
        updated_at=now, certificates=[],
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def change(
    session: Session, row: SamlConnection, *, label: str, side: ProviderSide, enabled: bool
) -> list[str]:
    """Enter the provider's side; return the names of what became another."""
    wanted: dict[str, Any] = {
        "label": _label(label), "entity_id": side.entity_id, "sso_url": side.sso_url,
        "certificates": list(side.certificates), "enabled": enabled,
    }  # fmt: skip
    changed = [name for name, value in wanted.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, wanted[name])
    row.updated_at = datetime.now(UTC)
    if {"entity_id", "sso_url", "certificates"} & set(changed):
        row.last_fault = row.last_fault_at = None
    session.flush()
    return changed


def remove(session: Session, row: SamlConnection) -> None:
    """Delete a connection; nobody signs in by it any more."""
    session.delete(row)
    session.flush()


def note(session: Session, connection_id: UUID, fault: str | None) -> None:
    """Remember how the last answer ended: with a fault, or (None) well."""
    now = datetime.now(UTC)
    values: dict[str, Any] = (
        {"last_used_at": now} if fault is None else {"last_fault": fault, "last_fault_at": now}
    )
    session.execute(
        update(SamlConnection).where(SamlConnection.id == connection_id).values(values)
        .execution_options(synchronize_session=False)
    )  # fmt: skip


# --- Domains ---


def domain_of(email: str) -> str:
    """Return the domain of an address, in small letters."""
    return email.rpartition("@")[2].strip().lower().rstrip(".")


def domains(session: Session, connection_id: UUID) -> Sequence[SamlDomain]:
    """Return the domains of a connection, by name."""
    return session.scalars(
        select(SamlDomain)
        .where(SamlDomain.connection_id == connection_id)
        .order_by(SamlDomain.domain)
    ).all()


def claim(session: Session, row: SamlConnection, name: str) -> SamlDomain:
    """Claim a domain; it is of no effect until the operator confirms it.

    Raises:
        InvalidError: it is no domain, or is claimed by this connection already.
    """
    domain = domain_of(name)
    there = domains(session, row.id)
    if not _DOMAIN.fullmatch(domain):
        raise _wrong("domain", "name a domain, such as example.com")
    if domain in [each.domain for each in there]:
        raise _wrong("domain", "it is in the list already")
    if len(there) >= MOST_DOMAINS:
        raise _wrong("domain", f"at most {MOST_DOMAINS} domains")
    made = SamlDomain(
        id=new_id(), connection_id=row.id, domain=domain, created_at=datetime.now(UTC)
    )
    session.add(made)
    session.flush()
    return made


def unclaim(session: Session, row: SamlConnection, domain_id: UUID) -> str:
    """Give a domain up; return its name. NotFoundError if the connection has none of that id."""
    name: str | None = session.scalar(
        delete(SamlDomain)
        .where(SamlDomain.id == domain_id, SamlDomain.connection_id == row.id)
        .returning(SamlDomain.domain)
    )
    if name is None:
        raise NotFoundError("That domain is not in the list any more.")
    return name


def claimed(session: Session) -> Sequence[Claimed]:
    """Return all domains: those that wait for the operator first."""
    rows = session.execute(
        select(SamlDomain, SamlConnection)
        .join(SamlConnection, SamlConnection.id == SamlDomain.connection_id)
        .order_by(SamlDomain.confirmed_at.is_not(None), SamlDomain.domain, SamlDomain.id)
        .limit(500)
    )
    return [Claimed._make(each) for each in rows]


def confirm(session: Session, domain_id: UUID, *, by: UUID) -> Claimed:
    """Confirm that a domain is the organization's.

    Raises:
        NotFoundError: it was given up.
        ConflictError: it is confirmed for another connection.
    """
    found = _claimed(session, domain_id)
    taken = session.scalar(
        select(SamlDomain.id).where(
            SamlDomain.domain == found.domain.domain, SamlDomain.confirmed_at.is_not(None),
            SamlDomain.id != domain_id,
        )
    )  # fmt: skip
    if taken is not None:
        raise ConflictError(
            f"{found.domain.domain} is confirmed for another connection. Refuse that one first."
        )
    found.domain.confirmed_at, found.domain.confirmed_by = datetime.now(UTC), by
    session.flush()
    return found


def refuse(session: Session, domain_id: UUID) -> Claimed:
    """Take a domain from the connection that claims it; NotFoundError if it was given up."""
    found = _claimed(session, domain_id)
    session.delete(found.domain)
    session.flush()
    return found


def _claimed(session: Session, domain_id: UUID) -> Claimed:
    row = session.execute(
        select(SamlDomain, SamlConnection)
        .join(SamlConnection, SamlConnection.id == SamlDomain.connection_id)
        .where(SamlDomain.id == domain_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError("That domain is not claimed any more.")
    return Claimed._make(row)


def _label(label: str) -> str:
    label = " ".join(label.split())
    if not label or len(label) > 100 or not label.isprintable():
        raise _wrong("label", "give it a name of up to 100 characters")
    return label


def _wrong(field: str, message: str) -> InvalidError:
    return InvalidError("Nothing was saved.", errors=[{"field": field, "message": message}])
