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
    """The app and the addresses of the API."""
    from passivepost_platform_twitter.settings import TwitterSettings

    return [SettingsSection(model=TwitterSettings)]


@hookimpl
def passivepost_register_platforms(host: Host) -> Iterable[Platform]:
    """The one platform of this package."""
    from passivepost_platform_twitter.platform import TwitterPlatform
    from passivepost_platform_twitter.settings import TwitterSettings

    return [TwitterPlatform(host.settings_of(TwitterSettings))]
