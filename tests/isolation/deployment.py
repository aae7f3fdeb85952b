"""Serving a deployment with all plugins, over real HTTP, on a fresh database of either kind."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
from tests.isolation.world import CRON_SECRET, METRICS_SECRET, World
from tests.support.asgi import serve

from musekit.kernel.app import create_app
from musekit.kernel.build import build_host
from musekit.testing import databases
from musekit.testing.plans import default_tier
from musekit.testing.servers import free_port
from passivepost.tiers import PRODUCT


@contextlib.contextmanager
def running(
    backend: str, folder: Path, admin_url: str | None = None,
    *, wrap: Callable[[Any], Any] = lambda app: app,
) -> Iterator[World]:  # fmt: skip
    """Serve a deployment with all plugins on a fresh database.

    Args:
        wrap: puts a layer of a test around the application.
    """
    data_dir = folder / "data"
    data_dir.mkdir()
    port = free_port()
    more = {
        "public_url": f"http://127.0.0.1:{port}", "cron_secret": CRON_SECRET,
        "metrics_secret": METRICS_SECRET, "log_level": "DEBUG",
    }  # fmt: skip
    name = f"musekit_test_{uuid4().hex[:16]}"
    if backend == "sqlite":
        settings = databases.provision_sqlite(data_dir / "musekit.db").settings(data_dir, **more)
    else:
        assert admin_url is not None
        settings = databases.provision(admin_url, name).settings(data_dir, **more)
    host = build_host(settings, strict=True)
    default_tier(host, PRODUCT, "tier_3")
    watching: Any
    if backend == "sqlite":
        watching = sqlite3.connect(data_dir / "musekit.db", timeout=20, isolation_level=None)
    else:
        assert admin_url is not None
        url = admin_url.replace("+psycopg", "")
        watching = psycopg.connect(url, dbname=name, autocommit=True)

    @contextlib.contextmanager
    def connect() -> Iterator[Any]:
        if backend == "postgres":
            yield watching
            return
        # Another one than that which watches: a connection does not see changes of its own.
        with contextlib.closing(sqlite3.connect(data_dir / "musekit.db", timeout=20)) as found:
            found.execute("PRAGMA foreign_keys = ON")
            yield found
            found.commit()

    try:
        app = create_app(host)
        with serve(wrap(app), port) as url, httpx.Client(timeout=30) as http:
            yield World(host=host, app=app, url=url, connect=connect, watching=watching, http=http)
    finally:
        host.close()
        watching.close()
        if backend == "postgres":
            assert admin_url is not None
            databases.drop(admin_url, name)
