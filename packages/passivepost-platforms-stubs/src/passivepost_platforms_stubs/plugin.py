"""The face of the package: networks that are declared, not spoken to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from musekit.api import hookimpl

if TYPE_CHECKING:
    from musekit.api import Host
    from passivepost.api import Platform


@hookimpl
def passivepost_register_platforms(host: Host) -> Iterable[Platform]:
    """One object per network; each steps aside for a real package of its name."""
    from passivepost_platforms_stubs.networks import make_platforms

    return make_platforms()
