"""Real peers as fixtures. What cannot be had is skipped, and says why (`tests.support.skips`)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support import pds as bluesky
from tests.support import shared
from tests.support.wheels import Wheels, build, sources


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
    """The wheels of every package and of the example, built once per run of all processes."""
    packages = sources()
    place = shared.folder(tmp_path_factory) / f"wheels-{shared.digest(packages)}"
    return Wheels(shared.once(place, lambda folder: build(folder, packages)))
