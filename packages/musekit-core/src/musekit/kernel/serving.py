"""Starting a process: settings and logs first, then the application for uvicorn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from musekit.kernel import logs
from musekit.kernel.lean import building, tune_malloc
from musekit.kernel.settings import CoreSettings, load_section

if TYPE_CHECKING:
    from fastapi import FastAPI


def prepare() -> CoreSettings:
    """Read the core's settings from the environment and set up the logs.

    Raises:
        ConfigurationError: naming each setting that cannot be used.
    """
    settings = load_section(CoreSettings, "musekit")
    logs.configure(settings.log_format, settings.log_level)
    return settings


def make_app() -> FastAPI:
    """Make the application from the environment; uvicorn calls this in each web process."""
    with building():
        tune_malloc()
        from musekit.kernel.app import create_app
        from musekit.kernel.build import build_host

        app = create_app(build_host(prepare()))
    app.state.owns_host = True
    return app


def options(settings: CoreSettings) -> dict[str, Any]:
    """Return how uvicorn is to run."""
    return {
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": bool(settings.trusted_proxies),
        "forwarded_allow_ips": settings.trusted_proxies or None,
        "timeout_graceful_shutdown": settings.web_drain_seconds,
        # An idle keep-alive must outlast that of the proxy in front (60 s by default in most).
        "timeout_keep_alive": 75,
    }
