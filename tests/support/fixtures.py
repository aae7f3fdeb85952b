"""Real peers as fixtures. What cannot be had is skipped with its reason; see `ALLOWED_SKIPS`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support import pds as bluesky


@pytest.fixture(scope="session")
def pds() -> Iterator[bluesky.Pds]:
    """A real Bluesky PDS with an account."""
    try:
        bluesky.installed()
    except bluesky.PeerMissingError as reason:
        pytest.skip(f"no Bluesky PDS: {reason}")
    with bluesky.running() as server:
        yield server
