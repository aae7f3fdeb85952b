"""Environments with the built wheels, shared where a test does not change them."""

from __future__ import annotations

import pytest
from tests.support.wheels import Environment, Wheels, fresh


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory, wheels: Wheels) -> Environment:
    """The locked dependencies and all packages, as a newcomer installs them. Do not change it."""
    folder = tmp_path_factory.mktemp("everything") / "venv"
    environment = fresh(folder, wheels, [name for name in wheels.names() if "example" not in name])
    # As pip does; without it the first start would compile, which costs time and memory.
    environment.compile()
    return environment
