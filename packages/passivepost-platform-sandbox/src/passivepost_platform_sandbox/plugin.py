"""The face of the package: what it gives to the host. Only outside production."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from musekit.api import ConfigurationError, RouteSet, SettingsSection, hookimpl

if TYPE_CHECKING:
    from musekit.api import Host
    from passivepost.api import Platform

#: Modes in which a sample network is wanted.
MODES = frozenset({"demo", "test", "development"})


def _refuse_production(host: Host) -> None:
    if host.settings.mode not in MODES:
        raise ConfigurationError(
            "The sandbox network is for demos and tests and does not run in production. Uninstall"
            " passivepost-platform-sandbox, or set MUSEKIT_MODE to demo, development or test."
        )


@hookimpl
def musekit_register_settings() -> Iterable[SettingsSection]:
    """Where the network is, and what the platform declares."""
    from passivepost_platform_sandbox.settings import SandboxSettings

    return [SettingsSection(model=SandboxSettings)]


@hookimpl
def musekit_register_routes(host: Host) -> Iterable[RouteSet]:
    """The network itself, inside the application; not where another address is set."""
    _refuse_production(host)
    from passivepost_platform_sandbox.mount import make_router
    from passivepost_platform_sandbox.settings import MOUNT, SandboxSettings

    if host.settings_of(SandboxSettings).base_url:
        return []
    return [RouteSet(router=make_router(host), prefix=MOUNT)]


@hookimpl
def musekit_lifespan(host: Host) -> AbstractAsyncContextManager[None]:
    """Close the network's store when the web process stops."""
    from passivepost_platform_sandbox.network import Network

    @contextlib.asynccontextmanager
    async def open_network() -> AsyncIterator[None]:
        try:
            yield
        finally:
            with contextlib.suppress(KeyError):
                host.get(Network).close()

    return open_network()


@hookimpl
def passivepost_register_platforms(host: Host) -> Iterable[Platform]:
    """The sandbox; calls to its address are let through the guard, though it is not public."""
    _refuse_production(host)
    from passivepost_platform_sandbox.platform import make_platform
    from passivepost_platform_sandbox.settings import SandboxSettings

    settings = host.settings_of(SandboxSettings)
    base = settings.address(host.settings.public_url)
    target = urlsplit(base)
    if target.hostname:
        port = target.port or (443 if target.scheme == "https" else 80)
        host.outbound.allow(target.hostname, port)
    return [make_platform(settings, base)]
