"""Environments with the built wheels, shared where a test does not change them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import shared
from tests.support.sandbox import Sandbox, sandbox
from tests.support.wheels import Environment, Wheels, fresh


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory, wheels: Wheels) -> Environment:
    """The locked dependencies and all packages, as a newcomer installs them. Do not change it.

    Made once per run; environments of tests link its dependencies.
    """

    def make(folder: Path) -> None:
        ours = [name for name in wheels.names() if "example" not in name]
        # As pip does; without it the first start would compile, which costs time and memory.
        fresh(folder, wheels, ours).compile()

    place = shared.folder(tmp_path_factory) / f"everything-{wheels.folder.name}"
    return Environment(shared.once(place, make), wheels)


@pytest.fixture(params=["sqlite", "postgres"])
def postgres(request: pytest.FixtureRequest) -> str:
    """The URL of a PostgreSQL server's superuser; empty, for SQLite."""
    return request.getfixturevalue("postgres_admin_url") if request.param == "postgres" else ""


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox network."""
    with sandbox(tmp_path / "network") as network:
        yield network
