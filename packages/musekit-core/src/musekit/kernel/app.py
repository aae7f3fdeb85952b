"""The web application: the routes of the plugins behind one stack of layers."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from musekit import __version__
from musekit.kernel.health import Readiness
from musekit.kernel.host import Host
from musekit.kernel.web import install as shell
from musekit.kernel.web import problems, routes
from musekit.kernel.web.draining import on_signals
from musekit.kernel.web.idempotency import IdempotencyKeys
from musekit.kernel.web.openapi import PROBLEM_SCHEMA, describe_keys
from musekit.kernel.web.requests import RequestContext, TrustedHosts

logger = logging.getLogger(__name__)

#: Bytes of a request body, unless a route says otherwise (`max_body_size`). What is read as JSON or
#: as a form holds up all others meanwhile: a megabyte made for it, a third of a second.
BODY_LIMIT = 131_072
#: Names that always mean this machine.
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


def create_app(host: Host) -> FastAPI:
    """Make the application of a host. ``app.state.host`` is the host.

    Raises:
        PluginFault: in strict mode, when a plugin's routes cannot be taken in.
    """
    app = FastAPI(
        title="MuseKit",
        version=__version__,
        description="The API of what is installed. Errors are `application/problem+json`.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        generate_unique_id_function=_operation_id,
    )
    app.state.host = host
    problems.install(app)
    _own_routes(app, host)
    app.add_middleware(IdempotencyKeys, host=host)  # innermost: it sees what routes answer
    shell.install(app, host)
    routes.include(app, host)
    # Not FastAPI's own argument: that layer is outside of ours, and answers in plain text.
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=BODY_LIMIT)
    app.add_middleware(TrustedHosts, names=_names(host))
    # The last added is the outermost.
    app.add_middleware(RequestContext, metrics=host.metrics, tracing=host.tracing)
    app.openapi = _openapi(app)  # type: ignore[method-assign]
    return app


def _names(host: Host) -> list[str]:
    settings = host.settings
    names = [urlsplit(settings.public_url).hostname or "", *settings.trusted_hosts]
    if settings.mode != "production":
        names += [*_LOCAL, "testserver"]
    return [name for name in names if name]


def _own_routes(app: FastAPI, host: Host) -> None:
    readiness = Readiness(host)

    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        status, report = await run_in_threadpool(readiness.answer)
        return JSONResponse(report, status)

    async def openapi(request: Request) -> Response:
        return JSONResponse(app.openapi())

    for path, endpoint in (("/healthz", healthz), ("/readyz", readyz), ("/openapi.json", openapi)):
        app.router.add_route(path, endpoint, methods=["GET"], include_in_schema=False)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    host: Host = app.state.host
    async with AsyncExitStack() as stack:
        stack.enter_context(on_signals(host))
        if getattr(app.state, "owns_host", False):
            stack.push_async_callback(run_in_threadpool, host.close)
        for plugin, context in host.registry.hooks.lifespans(host):
            try:
                await context.__aenter__()
            except (Exception, SystemExit) as error:
                host.registry.quarantine(plugin, "lifespan", error)
            else:
                stack.push_async_callback(_leave, plugin, context)
        if host.settings.embedded_worker:
            from musekit.kernel.queue.worker import start_embedded

            worker = await run_in_threadpool(start_embedded, host)
            stack.push_async_callback(
                run_in_threadpool, worker.stop, host.settings.worker_drain_seconds
            )
        yield


async def _leave(plugin: str, context: Any) -> None:
    try:
        await context.__aexit__(None, None, None)
    except Exception:
        logger.exception("Lifespan of plugin %s failed at its end", plugin)


def _operation_id(route: APIRoute) -> str:
    """A name that stays when paths move: the module's feature and the function."""
    package, _, rest = route.endpoint.__module__.partition(".")
    feature = rest.removesuffix(".routes").removesuffix(".pages").replace(".", "_")
    method = "_".join(sorted(route.methods or ())).lower()
    return "_".join(part for part in (package, feature, route.name, method) if part)


def _openapi(app: FastAPI) -> Callable[[], dict[str, Any]]:
    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            document = get_openapi(
                title=app.title, version=app.version, description=app.description,
                routes=app.routes, separate_input_output_schemas=False,
            )  # fmt: skip
            describe_keys(app, document)
            components = document.setdefault("components", {})
            schemas = components.setdefault("schemas", {})
            schemas["Problem"] = PROBLEM_SCHEMA
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            components["securitySchemes"] = {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "musekit_session"},
            }
            app.openapi_schema = document
        return app.openapi_schema

    return openapi
