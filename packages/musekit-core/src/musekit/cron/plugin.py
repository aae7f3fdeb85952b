"""The face of the cron endpoint: one route."""

from __future__ import annotations

from collections.abc import Iterable

from musekit import hookimpl
from musekit.declarations import RouteSet
from musekit.kernel.host import Host


@hookimpl
def musekit_register_routes(host: Host) -> Iterable[RouteSet]:
    """Give the endpoint."""
    from musekit.cron.routes import router

    return [RouteSet(router=router)]
