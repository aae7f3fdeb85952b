"""What PassivePost asks of platform packages. One hook: the platform object is the contract."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from musekit import hookspec

if TYPE_CHECKING:
    from musekit.api import Host
    from passivepost.sdk.platform import Platform


@hookspec
def passivepost_register_platforms(host: Host) -> Iterable[Platform]:
    """Return the platforms a package offers. Called once, when the host is built.

    Args:
        host: to read the package's settings: ``host.settings_of(MySettings)``.
    """
