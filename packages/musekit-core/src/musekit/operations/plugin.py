"""The face of operations: metrics, and a check that somebody works."""

from __future__ import annotations

from collections.abc import Iterable

from musekit import hookimpl
from musekit.declarations import Health, HealthCheck, RouteSet
from musekit.kernel.host import Host


@hookimpl
def musekit_register_routes(host: Host) -> Iterable[RouteSet]:
    """Give the route of the metrics, and what is read for them."""
    from musekit.operations.routes import router

    if host.metrics.enabled:
        from musekit.operations.readings import register

        register(host)
    return [RouteSet(router=router)]


@hookimpl
def musekit_register_health_checks() -> Iterable[HealthCheck]:
    """Give the check."""
    return [HealthCheck(name="workers", check=_working)]


def _working(host: Host) -> Health:
    from musekit.operations.working import health

    return health(host)
