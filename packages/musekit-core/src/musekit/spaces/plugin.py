"""The face of spaces: the dashboard, the landing page, moving between spaces."""

from __future__ import annotations

from collections.abc import Iterable

from musekit import hookimpl
from musekit.declarations import NavItem, RouteSet
from musekit.kernel.host import Host


@hookimpl
def musekit_register_pages(host: Host) -> Iterable[RouteSet]:
    """Give ``/``, ``/dashboard`` and ``/account/space``."""
    from musekit.spaces.pages import router

    return [RouteSet(router=router)]


@hookimpl
def musekit_register_routes(host: Host) -> Iterable[RouteSet]:
    """Give ``/api/spaces``."""
    from musekit.spaces.routes import router

    return [RouteSet(router=router)]


@hookimpl
def musekit_register_navigation() -> Iterable[NavItem]:
    """Give the dashboard, first of all entries, and one's own space."""
    return [
        NavItem(
            label="Dashboard", href="/dashboard", group="Overview", weight=0,
            icon="layout-dashboard",
        ),
        NavItem(
            label="Own space", href="/account/space", group="Account", area="account", weight=2,
            icon="layers",
        ),
    ]  # fmt: skip
