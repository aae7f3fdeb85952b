"""The rates as settings, and a health check of the store that counts for all processes."""

from __future__ import annotations

from collections.abc import Iterable

from musekit import hookimpl
from musekit.declarations import Health, HealthCheck, SettingsSection
from musekit.kernel.host import Host
from musekit.kernel.ratelimit.settings import LimitSettings


@hookimpl
def musekit_register_settings() -> Iterable[SettingsSection]:
    """Give the rates of the core's policies."""
    return [SettingsSection(model=LimitSettings)]


@hookimpl
def musekit_register_health_checks() -> Iterable[HealthCheck]:
    """Give the check of the limits."""
    return [HealthCheck(name="rate limits", check=_health)]


def _health(host: Host) -> Health:
    """Say whether requests are counted for all processes together. Calls no network."""
    if not host.limits.is_away:
        return Health(status="ok")
    return Health(
        status="warn",
        detail="Redis is away: reads are counted by each process, sign-ins in the database",
        advice="Look at MUSEKIT_REDIS_URL and its server. Nothing is uncounted meanwhile.",
    )
