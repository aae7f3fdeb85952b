"""Sites to install throw-away plugins in, and databases with the core alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from musekit.kernel.settings import CoreSettings
from musekit.testing import databases

sys.path.insert(0, str(Path(__file__).parent))  # for migration_kit

from migration_kit import Site  # noqa: E402


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return Site(folder)


@pytest.fixture
def core(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[CoreSettings]:
    """Settings of a database in which the core alone is migrated."""
    data = tmp_path / "data"
    data.mkdir()
    if backend == "sqlite":
        yield databases.provision_sqlite(data / "musekit.db", plugins=["musekit"]).settings(data)
        return
    admin_url = request.getfixturevalue("postgres_admin_url")
    name = f"musekit_test_{uuid4().hex[:16]}"
    try:
        yield databases.provision(admin_url, name, plugins=["musekit"]).settings(data)
    finally:
        databases.drop(admin_url, name)


@pytest.fixture
def empty(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[CoreSettings]:
    """Settings of a database in which nothing is migrated."""
    data = tmp_path / "data"
    data.mkdir()
    if backend == "sqlite":
        yield CoreSettings(mode="test", data_dir=data)
        return
    admin_url = request.getfixturevalue("postgres_admin_url")
    name = f"musekit_test_{uuid4().hex[:16]}"
    try:
        yield databases.provision(admin_url, name, migrated=False).settings(data)
    finally:
        databases.drop(admin_url, name)
