"""Putting the web shell into an application: templates, static files, headers, design page."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.routing import Route

from musekit.kernel.host import Host
from musekit.kernel.web.headers import ShellMiddleware
from musekit.kernel.web.pages import Shell
from musekit.kernel.web.static import PREFIX, Assets
from musekit.kernel.web.templates import environment, static_folders


def install(app: FastAPI, host: Host) -> None:
    """Make pages work in an application. Call it before other middleware is added around it."""
    packages = list(dict.fromkeys(["musekit", *(each.package for each in host.registry.plugins)]))
    assets = Assets(static_folders(packages))
    strict = host.settings.mode != "production"
    host.put(Shell, Shell(environment(packages, assets, strict=strict), assets))
    app.router.routes.append(Route(f"{PREFIX}/{{package}}/{{path:path}}", assets.serve))
    app.add_middleware(ShellMiddleware, host=host)
    if host.settings.mode in ("development", "demo", "test"):
        from musekit.kernel.web import design

        app.include_router(design.router, include_in_schema=False)
