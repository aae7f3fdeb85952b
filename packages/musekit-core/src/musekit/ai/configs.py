"""Services as the operator or an organization has set them up. Keys come in and never go out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from musekit.ai import sealing
from musekit.ai.choosing import OPERATOR
from musekit.ai.models import AIConfiguration
from musekit.errors import InvalidError, NotFoundError
from musekit.kernel.crypto.keyring import DecryptionError
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.kernel.outbound.client import Refused
from musekit.providers import AIProvider

#: Services whose address is known, or set by the operator.
_AT_HOME = frozenset({"openai", "xai", "anthropic"})
LONGEST_KEY, LONGEST_NAME, LONGEST_URL = 500, 200, 500


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A service as somebody wants it set up.

    Attributes:
        key: of the service; empty: the one that is there stays.
        is_default: it answers before others of the same scope.
    """

    provider: str
    model: str = ""
    base_url: str = ""
    key: str = ""
    timeout_seconds: int = 60
    is_default: bool = True


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A service that is set up, without its key."""

    id: UUID
    provider: str
    label: str
    model: str
    base_url: str
    ending: str  #: the last characters of the key; empty: it has none
    timeout_seconds: int
    is_default: bool
    enabled: bool
    installed: bool
    updated_at: datetime


def save(
    session: Session, host: Host, wanted: Wanted, *, organization_id: UUID | None, by: UUID | None
) -> AIConfiguration:
    """Set a service up, or change it: there is one of each in a scope. Runs as the system.

    Args:
        organization_id: whose it is; None: the operator's, for everybody who has none.
        by: who does it.

    Raises:
        InvalidError: with what is wrong in which field.
    """
    provider = host.registry.ai_providers.get(wanted.provider)
    if provider is None:
        raise _invalid("provider", "Choose one of the services.")
    scope = OPERATOR if organization_id is None else str(organization_id)
    row = session.scalars(
        select(AIConfiguration).where(
            AIConfiguration.scope == scope, AIConfiguration.provider == provider.key
        )
    ).one_or_none()
    base_url = wanted.base_url.strip().rstrip("/")
    _check(host, provider, wanted, base_url)
    if row is None:
        row = AIConfiguration(
            id=new_id(), scope=scope, organization_id=organization_id, provider=provider.key
        )
        session.add(row)
    moved = row.key_encrypted is not None and row.base_url != base_url
    key = wanted.key.strip()
    if not key and moved:
        # Else whoever may write here could have the key sent to a place of theirs.
        raise _invalid("key", "The address is another one: enter the key again.")
    if key:
        row.key_encrypted = sealing.seal_key(host, row.id, key)
    elif provider.needs_key and row.key_encrypted is None:
        raise _invalid("key", f"{provider.label} needs a key.")
    row.label, row.model, row.base_url = provider.label, wanted.model.strip(), base_url
    row.timeout_seconds, row.enabled, row.updated_by = wanted.timeout_seconds, True, by
    if wanted.is_default:
        session.execute(
            update(AIConfiguration)
            .where(AIConfiguration.scope == scope, AIConfiguration.id != row.id)
            .values(is_default=False)
        )
    row.is_default = wanted.is_default
    session.flush()
    return row


def remove(session: Session, config_id: UUID, *, organization_id: UUID | None) -> AIConfiguration:
    """Take a service away, with its key. NotFoundError if the scope has none of that id."""
    row = get(session, config_id, organization_id=organization_id)
    session.delete(row)
    return row


def get(session: Session, config_id: UUID, *, organization_id: UUID | None) -> AIConfiguration:
    """Return a service of an organization, or the operator's; NotFoundError else."""
    row = session.get(AIConfiguration, config_id)
    if row is None or row.organization_id != organization_id:
        raise NotFoundError("There is no such model service here.")
    return row


def listed(session: Session, host: Host, organization_id: UUID | None) -> Sequence[Shown]:
    """Return what is set up in a scope, the one that answers first. Runs as the system."""
    scope = OPERATOR if organization_id is None else str(organization_id)
    rows = session.scalars(
        select(AIConfiguration)
        .where(AIConfiguration.scope == scope)
        .order_by(AIConfiguration.is_default.desc(), AIConfiguration.created_at, AIConfiguration.id)
    )
    return [_shown(host, row) for row in rows]


def _shown(host: Host, row: AIConfiguration) -> Shown:
    provider = host.registry.ai_providers.get(row.provider)
    return Shown(
        id=row.id, provider=row.provider, label=provider.label if provider else row.label,
        model=row.model or (provider.default_model if provider else ""), base_url=row.base_url,
        ending=_ending(host, row), timeout_seconds=row.timeout_seconds,
        is_default=row.is_default, enabled=row.enabled, installed=provider is not None,
        updated_at=row.updated_at,
    )  # fmt: skip


def _ending(host: Host, row: AIConfiguration) -> str:
    """Return the last four characters of a key, of a long one only."""
    try:
        key = sealing.open_key(host, row).get_secret_value()
    except DecryptionError:
        return "?"
    return key[-4:] if len(key) >= 16 else "…" if key else ""


def _check(host: Host, provider: AIProvider, wanted: Wanted, base_url: str) -> None:
    """Raise InvalidError for what cannot be."""
    for name, value, most in (
        ("model", wanted.model, LONGEST_NAME), ("key", wanted.key, LONGEST_KEY),
        ("base_url", base_url, LONGEST_URL),
    ):  # fmt: skip
        if len(value) > most or not value.strip().isprintable():
            raise _invalid(name, f"At most {most} characters, on one line.")
    if not wanted.key.strip().isascii():
        raise _invalid("key", "A key has plain letters, digits and signs only.")
    if not 5 <= wanted.timeout_seconds <= 600:
        raise _invalid("timeout_seconds", "Between 5 and 600 seconds.")
    if not provider.default_model and not wanted.model.strip():
        raise _invalid("model", "Say which model is to answer.")
    if provider.key in _AT_HOME and base_url:
        raise _invalid("base_url", f"The address of {provider.label} is known: leave it out.")
    if provider.key == "compatible" and not base_url:
        raise _invalid("base_url", "Say at which address the service answers.")
    if not base_url:
        return
    try:
        parsed = host.outbound.guard.check(base_url)
    except Refused as error:
        raise _invalid("base_url", str(error)) from None
    allowed = host.outbound.guard.allows(parsed.raw_host or "", parsed.port or 0)
    if parsed.scheme != "https" and not allowed:
        raise _invalid("base_url", "The key would travel in the clear: use https.")
    if parsed.raw_query_string or parsed.raw_fragment:
        raise _invalid("base_url", "An address without a query, such as https://ai.example/v1.")


def _invalid(field: str, message: str) -> InvalidError:
    return InvalidError(
        "The model service was not set up.", errors=[{"field": field, "message": message}]
    )
