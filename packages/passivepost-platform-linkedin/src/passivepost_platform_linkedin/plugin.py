"""The face of the package: what it gives to the host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from musekit.api import Health, HealthCheck, SettingsSection, hookimpl

if TYPE_CHECKING:
    from musekit.api import Host
    from passivepost.api import Platform


@hookimpl
def musekit_register_settings() -> Iterable[SettingsSection]:
    """The app, and the version and addresses of the API."""
    from passivepost_platform_linkedin.settings import LinkedInSettings

    return [SettingsSection(model=LinkedInSettings)]


@hookimpl
def musekit_register_health_checks() -> Iterable[HealthCheck]:
    """Whether the API's version is about to end."""
    return [HealthCheck(name="linkedin version", check=_version)]


@hookimpl
def passivepost_register_platforms(host: Host) -> Iterable[Platform]:
    """The one platform of this package, as far as the operator's app may go."""
    from passivepost_platform_linkedin.platform import LinkedInPlatform, RenewingLinkedInPlatform
    from passivepost_platform_linkedin.settings import LinkedInSettings

    settings = host.settings_of(LinkedInSettings)
    kind = RenewingLinkedInPlatform if settings.refresh_tokens else LinkedInPlatform
    return [kind(settings)]


def _version(host: Host) -> Health:
    from datetime import UTC, datetime

    from passivepost_platform_linkedin.health import version_health
    from passivepost_platform_linkedin.settings import LinkedInSettings

    return version_health(host.settings_of(LinkedInSettings), datetime.now(UTC).date())
