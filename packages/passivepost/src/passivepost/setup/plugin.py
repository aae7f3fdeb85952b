"""The face of the operator's page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from musekit import declarations as d
from musekit import hookimpl

if TYPE_CHECKING:
    from musekit.api import Host


@hookimpl
def musekit_register_pages(host: Host) -> Iterable[d.RouteSet]:
    """Give ``/admin/setup/passivepost``."""
    from passivepost.setup.pages import router

    return [d.RouteSet(router=router)]


@hookimpl
def musekit_register_navigation() -> Iterable[d.NavItem]:
    """Give its entry among the operator's pages."""
    return [
        d.NavItem(
            label="PassivePost", href="/admin/setup/passivepost", group="This deployment",
            area="admin", operator=True, icon="plug", weight=35,
        )
    ]  # fmt: skip
