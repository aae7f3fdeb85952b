"""The network's routes, and the network as an ASGI application of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from passivepost_platform_sandbox.network import api, control, pages, play, signin
from passivepost_platform_sandbox.network.service import Network

Handler = Callable[[Network, Request], Awaitable[Response]]

#: Every route: method, path below the network's base, handler. No other place names them.
ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/", pages.timeline),
    ("GET", "/posts/{post_id}", pages.one),
    ("GET", "/media/{media_id}", pages.medium),
    ("GET", "/static/{name}", pages.static),
    ("GET", "/oauth/authorize", signin.authorize),
    ("POST", "/oauth/authorize", signin.authorize_form),
    ("GET", "/oauth/decision", signin.decision),
    ("POST", "/oauth/token", signin.token),
    ("POST", "/oauth/revoke", signin.revoke),
    ("GET", "/api/me", api.me),
    ("POST", "/api/posts", api.create_post),
    ("GET", "/api/posts", api.find_posts),
    ("GET", "/api/posts/{post_id}", api.one_post),
    ("DELETE", "/api/posts/{post_id}", api.delete_post),
    ("POST", "/api/media", api.create_media),
    ("GET", "/api/metrics", api.metrics),
    ("GET", "/api/trends", api.trends),
    ("GET", "/faults", control.get_faults),
    ("PUT", "/faults", control.put_faults),
    ("GET", "/settings", control.get_settings),
    ("PUT", "/settings", control.put_settings),
    ("POST", "/accounts", control.add_accounts),
    ("POST", "/accounts/{username}/revoke", control.revoke_account),
    ("POST", "/seed", control.seed),
    ("GET", "/ledger", control.get_ledger),
    ("GET", "/ledger/summary", control.get_summary),
)


def bind(network: Network, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Return a handler as an endpoint that takes a request only."""

    async def endpoint(request: Request) -> Response:
        return await handler(network, request)

    endpoint.__doc__ = handler.__doc__
    endpoint.__name__ = handler.__name__
    return endpoint


def standalone(network: Network) -> ASGIApp:
    """Return the network as an application, with real connection resets under uvicorn."""
    app = Starlette(
        routes=[
            Route(path, bind(network, handler), methods=[method])
            for method, path, handler in ROUTES
        ]
    )

    async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
        # uvicorn's `send` is a method of the object that holds the connection; `play.Cut` resets
        # it there, since ASGI itself has no word for that.
        holder: Any = getattr(send, "__self__", None)
        scope[play.TRANSPORT] = getattr(holder, "transport", None)
        await app(scope, receive, send)

    return with_transport
