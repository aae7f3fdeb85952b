"""Which service answers: the organization's own, the operator's, that of the settings, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.ai import sealing
from musekit.ai.models import AIConfiguration
from musekit.ai.settings import AISettings
from musekit.errors import UnavailableError
from musekit.kernel.crypto.keyring import DecryptionError
from musekit.kernel.host import Host
from musekit.organizations import preferences
from musekit.providers import AIConfig, AIProvider

#: The scope of what the operator sets up.
OPERATOR = "operator"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The service that answers, and how it is reached.

    Attributes:
        own_key: an organization pays for it by its own key; no plan limits it.
    """

    provider: AIProvider
    config: AIConfig
    own_key: bool


def choose(session: Session, host: Host, organization_id: UUID | None) -> Choice | None:
    """Return the service that answers calls of a space; None: no model is set up.

    Runs as the system.

    Args:
        organization_id: of the space; None: a personal one.

    Raises:
        UnavailableError: one is set up and cannot be used. Nothing else steps in for it.
    """
    scopes = [OPERATOR]
    if organization_id is not None and _answers_itself(session, organization_id):
        scopes.insert(0, str(organization_id))
    rows = session.scalars(
        select(AIConfiguration).where(
            AIConfiguration.scope.in_(scopes), AIConfiguration.enabled.is_(True)
        )
    ).all()
    for scope in scopes:
        if row := _first([each for each in rows if each.scope == scope]):
            return of_row(host, row)
    return of_settings(host)


def of_row(host: Host, row: AIConfiguration) -> Choice:
    """Return a service as it is stored. Raises as `choose`."""
    settings = host.settings_of(AISettings)
    provider = _provider(host, row.provider)
    try:
        key = sealing.open_key(host, row)
    except DecryptionError as error:
        raise UnavailableError(
            f"The key of {provider.label} cannot be read. Whoever set it up enters it again."
        ) from error
    seconds = float(row.timeout_seconds)
    return Choice(
        provider=provider, own_key=row.organization_id is not None,
        config=AIConfig(
            base_url=row.base_url or settings.url_of(row.provider), api_key=key,
            model=row.model or provider.default_model, timeout_seconds=seconds,
            first_token_seconds=min(settings.first_token_seconds, seconds),
        ),
    )  # fmt: skip


def of_settings(host: Host) -> Choice | None:
    """Return the service that the settings name. Raises as `choose`."""
    settings = host.settings_of(AISettings)
    if not settings.provider:
        return None
    provider = _provider(host, settings.provider)
    key = settings.key_of(provider.key)
    if provider.needs_key and not key.get_secret_value():
        raise UnavailableError(
            f"{provider.label} is to answer here, but has no key. The operator sets"
            f" MUSEKIT_AI_{provider.key.upper()}_API_KEY."
        )
    return Choice(
        provider=provider, own_key=False,
        config=AIConfig(
            base_url=settings.url_of(provider.key), api_key=key or SecretStr(""),
            model=settings.model or provider.default_model,
            timeout_seconds=settings.timeout_seconds,
            first_token_seconds=min(settings.first_token_seconds, settings.timeout_seconds),
        ),
    )  # fmt: skip


def _answers_itself(session: Session, organization_id: UUID) -> bool:
    """Return False where an organization has set that the deployment's service answers."""
    return preferences.of(session, organization_id).get("aiOverride") is not False


def _first(rows: Sequence[AIConfiguration]) -> AIConfiguration | None:
    """Return the one that is marked, else the oldest."""
    return min(rows, key=lambda row: (not row.is_default, row.created_at, row.id), default=None)


def _provider(host: Host, key: str) -> AIProvider:
    found = host.registry.ai_providers.get(key)
    if found is None:
        raise UnavailableError(
            f"The model service “{key}” is to answer here, but is not installed. Nothing else steps"
            " in for it; whoever set it up chooses another."
        )
    return found
