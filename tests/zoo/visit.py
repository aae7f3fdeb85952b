"""Starts a host and its application in a process of its own and prints what came of it as JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from starlette.testclient import TestClient

from musekit.kernel.app import create_app
from musekit.kernel.build import build_host
from musekit.kernel.serving import prepare


def main() -> None:
    host = build_host(prepare())
    app = create_app(host)
    with TestClient(app, raise_server_exceptions=False) as client:
        answers = {path: client.get(path).status_code for path in sys.argv[1:]}
        ready = client.get("/readyz")
    seen = {
        "held": [asdict(each) for each in host.registry.quarantined],
        "active": [each.name for each in host.registry.plugins],
        "disabled": host.registry.disabled,
        "answers": answers,
        "ready": [ready.status_code, ready.json()],
        "navigation": [each.label for each in host.registry.navigation],
        "permissions": [each.key for each in host.registry.permissions],
        "imported": sorted(name for name in sys.modules if name.startswith("zoo_")),
    }
    host.close()
    sys.stdout.write("\n" + json.dumps(seen) + "\n")


if __name__ == "__main__":
    main()
