"""The face of the package: what it gives to the host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from musekit.api import SettingsSection, hookimpl

if TYPE_CHECKING:
    from musekit.api import Host
    from passivepost.api import Platform


@hookimpl
def musekit_register_settings() -> Iterable[SettingsSection]:
    """Settings of the network's addresses."""
    from passivepost_platform_bluesky.settings import BlueskySettings

    return [SettingsSection(model=BlueskySettings)]


@hookimpl
def passivepost_register_platforms(host: Host) -> Iterable[Platform]:
    """The one platform of this package."""
    from passivepost_platform_bluesky.platform import BlueskyPlatform
    from passivepost_platform_bluesky.settings import BlueskySettings

    return [BlueskyPlatform(host.settings_of(BlueskySettings))]
