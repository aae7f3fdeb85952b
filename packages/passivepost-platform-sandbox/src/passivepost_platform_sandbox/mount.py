"""The network inside the application: its routes, as the host wants routes to be."""

from __future__ import annotations

from fastapi import APIRouter

from musekit.api import UNLIMITED, Host, public
from passivepost_platform_sandbox.network import Network, NetworkSettings
from passivepost_platform_sandbox.network.app import ROUTES, bind
from passivepost_platform_sandbox.settings import MOUNT, SandboxSettings


def make_router(host: Host) -> APIRouter:
    """Return the routes of a network whose store is ``<data-dir>/sandbox.db``.

    The network is shared as ``host.get(Network)``. Everybody may call it: it has its own sign-in
    and its own people, and knows nobody of the application.
    """
    settings = host.settings_of(SandboxSettings)
    network = Network(
        host.settings.data_dir / "sandbox.db",
        base=MOUNT,
        settings=NetworkSettings(
            client_id=settings.client_id,
            client_secret=settings.client_secret.get_secret_value(),
        ),
    )
    host.put(Network, network)
    router = APIRouter(include_in_schema=False)
    for method, path, handler in ROUTES:
        router.add_api_route(
            path,
            bind(network, handler),
            methods=[method],
            dependencies=[public(limit=UNLIMITED)],  # a network has limits of its own
            response_model=None,
        )
    return router
