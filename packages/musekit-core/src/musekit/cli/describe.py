"""``musekit openapi``: the API of what is installed."""

from __future__ import annotations

import json
import sys


def openapi() -> None:
    """Print the OpenAPI document of the installed plugins. Needs no database."""
    from musekit.kernel import logs
    from musekit.kernel.app import create_app
    from musekit.kernel.build import build_host

    logs.configure("console", "WARNING")
    host = build_host(offline=True)
    try:
        sys.stdout.write(
            json.dumps(create_app(host).openapi(), indent=2, ensure_ascii=False) + "\n"
        )
    finally:
        host.close()
