"""Real peers as fixtures. What cannot be had is skipped, and says why (`tests.support.skips`)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support import pds as bluesky
from tests.support.wheels import Wheels, build


@pytest.fixture(scope="session")
def pds() -> Iterator[bluesky.Pds]:
    """A real Bluesky PDS with an account."""
    try:
        bluesky.installed()
    except bluesky.PeerMissingError as reason:
        pytest.skip(f"no Bluesky PDS: {reason}")
    with bluesky.running() as server:
        yield server


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Wheels:
    """The wheels of every package and of the example, built once per run."""
    return build(tmp_path_factory.mktemp("wheels"))
