"""The core alone: what is tested here must hold with no product installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from musekit.kernel.build import build_host
from musekit.kernel.host import Host
from musekit.kernel.settings import CoreSettings


@pytest.fixture
def host(settings: CoreSettings) -> Iterator[Host]:
    """A host without plugins."""
    built = build_host(settings, plugins=[], strict=True)
    yield built
    built.close()
