"""The providers by which people come, as the settings name them."""

from __future__ import annotations

from collections.abc import Sequence

from musekit.auth.federation.github import GitHubProvider
from musekit.auth.federation.oidc import OidcProvider
from musekit.auth.settings import AuthSettings
from musekit.errors import NotFoundError
from musekit.kernel.host import Host
from musekit.providers import IdentityProvider


def configured(settings: AuthSettings) -> list[IdentityProvider]:
    """Return a provider for each registration in the settings."""
    found: list[IdentityProvider] = []
    if settings.google_client_id:
        # Google tells when somebody has proven themselves to verified apps that ask for it alone.
        found.append(
            OidcProvider(
                key="google", label="Google", issuer=settings.google_issuer,
                client_id=settings.google_client_id, proves_anew=False, icon="brand-google",
                client_secret=settings.google_client_secret.get_secret_value(),
            )
        )  # fmt: skip
    if settings.github_client_id:
        found.append(
            GitHubProvider(
                client_id=settings.github_client_id, url=settings.github_url,
                client_secret=settings.github_client_secret.get_secret_value(),
                api_url=settings.github_api_url,
            )
        )  # fmt: skip
    found += [
        OidcProvider(
            key=app.key, label=app.label, issuer=app.issuer, client_id=app.client_id,
            client_secret=app.client_secret.get_secret_value(), scopes=tuple(app.scopes),
        )
        for app in settings.oidc
    ]  # fmt: skip
    return found


def offered(host: Host) -> Sequence[IdentityProvider]:
    """Return the providers that stand beside the password, for everybody."""
    found = host.registry.identity_providers.values()
    return [each for each in found if not each.organization_bound]


def at(host: Host, key: str) -> IdentityProvider:
    """Return a provider; NotFoundError if there is none of that key."""
    found = host.registry.identity_providers.get(key)
    if found is None:
        raise NotFoundError("There is no such way to sign in.")
    return found
