"""What is there of a plugin: over HTTP, by command, and in the database."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import httpx
from sqlalchemy import create_engine, make_url, text
from tests.support.deployment import Deployment, Person

from musekit.kernel.migrations.catalogue import Snapshot, snapshot

#: Run by the environment's own Python: what its plugins declare to a host.
DECLARED = """
import json
from musekit.kernel.app import create_app
from musekit.kernel.build import build_host
from musekit.kernel.serving import prepare
host = build_host(prepare())
openapi = create_app(host).openapi()["paths"]
r = host.registry
print(json.dumps({
    "plugins": sorted(each.name for each in r.plugins),
    "held": {each.plugin: f"{each.phase}: {each.error}" for each in r.quarantined},
    "jobs": sorted(r.jobs),
    "services": sorted(each.name for each in r.services),
    "tiers": sorted(each.key for each in r.tiers),
    "products": [each.key for each in r.products],
    "permissions": sorted(each.key for each in r.permissions),
    "health_checks": sorted(each.name for each in r.health_checks),
    "commands": sorted(each.name for each in r.commands),
    "navigation": sorted(each.href for each in r.navigation),
    "openapi": sorted(path for path in openapi if path.startswith("/api/social")),
    "settings": sorted({model.model_config["env_prefix"] for model in host.sections}),
}))
host.close()
"""

PAGES = ("/dashboard/social", "/dashboard/social/queue", "/dashboard/social/compose")
ROUTES = ("/api/social/posts", "/api/social/tier", "/api/social/accounts")


def declared(deployment: Deployment) -> dict[str, Any]:
    """Return what the installed plugins declare."""
    done = subprocess.run(
        [deployment.python, "-c", DECLARED], env=deployment.settings(), cwd=deployment.folder,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def shown(deployment: Deployment, person: Person) -> dict[str, Any]:
    """Return what somebody who is signed in meets: statuses, and where the menu leads."""
    page = person.browser.get("/account/tokens")
    assert page.status_code == 200
    return {
        "routes": {path: person.browser.get(path).status_code for path in ROUTES},
        "pages": {path: person.browser.get(path).status_code for path in PAGES},
        "menu": sorted(set(re.findall(r'href="(/dashboard/[^"]*)"', page.text))),
        "checks": httpx.get(f"{deployment.url}/readyz").json()["checks"],
    }


def everywhere(found: dict[str, int], status: int) -> bool:
    """True if all of these answered so."""
    return set(found.values()) == {status}


def sql(deployment: Deployment, statement: str, **values: Any) -> list[Any]:
    """Run a statement as the login that sees all spaces; return its rows."""
    assert deployment.urls
    return _sql(deployment.urls.system_url, statement, values)


def as_owner(deployment: Deployment) -> Snapshot:
    """Return everything the schema holds."""
    assert deployment.urls
    engine = create_engine(deployment.urls.owner_url)
    with engine.connect() as connection:
        stands = snapshot(connection)
    engine.dispose()
    return stands


def contents(deployment: Deployment) -> dict[str, list[str]]:
    """Return every row of every table, to be compared with what is there later."""
    tables = [name for kind, name in as_owner(deployment).names() if kind == "tables"]
    return {name: sorted(map(repr, sql(deployment, f'SELECT * FROM "{name}"'))) for name in tables}


def _sql(url: str, statement: str, values: dict[str, Any]) -> list[Any]:
    engine = create_engine(url)
    with engine.begin() as connection:
        if make_url(url).drivername.startswith("sqlite"):
            connection.execute(text("PRAGMA foreign_keys = ON"))
        result = connection.execute(text(statement), values)
        rows = [tuple(row) for row in result] if result.returns_rows else []
    engine.dispose()
    return rows


def counts(deployment: Deployment, *tables: str) -> dict[str, int]:
    """Return how many rows tables have."""
    return {table: sql(deployment, f"SELECT count(*) FROM {table}")[0][0] for table in tables}
