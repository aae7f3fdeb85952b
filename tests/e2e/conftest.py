"""Deployments on both sets of services: SQLite alone, and PostgreSQL with Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from tests.support.deployment import Deployment, deployed
from tests.support.media import FileServer, file_server
from tests.support.sandbox import Sandbox, sandbox

Deploy = Callable[..., Deployment]


@pytest.fixture(scope="module", params=["sqlite", "postgres+redis"])
def services(request: pytest.FixtureRequest) -> dict[str, str]:
    """The services under test: none, or both; as arguments of `deployed`."""
    if request.param == "sqlite":
        return {}
    return {
        "postgres": request.getfixturevalue("postgres_admin_url"),
        "redis": request.getfixturevalue("redis_url"),
    }


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def postgres(request: pytest.FixtureRequest) -> str:
    """A database alone, without Redis: the URL of PostgreSQL's superuser; empty for SQLite."""
    return request.getfixturevalue("postgres_admin_url") if request.param == "postgres" else ""


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory, postgres: str) -> Iterator[Sandbox]:
    """A network for each of these databases."""
    with sandbox(tmp_path_factory.mktemp("network")) as network:
        yield network


@pytest.fixture(scope="module")
def deploy(tmp_path_factory: pytest.TempPathFactory, services: dict[str, str]) -> Iterator[Deploy]:
    """Make deployments by ``deploy(SETTING="…")``; they end with the module's tests."""
    with ExitStack() as stack:

        def make(**environment: str) -> Deployment:
            folder = tmp_path_factory.mktemp("deployment")
            return stack.enter_context(deployed(folder, **services, **environment))

        yield make


@pytest.fixture(scope="module")
def files() -> Iterator[FileServer]:
    """A file server on loopback."""
    with file_server() as server:
        yield server
