"""Several web processes count together, whichever of them is asked."""

from __future__ import annotations

from pathlib import Path

import httpx
from tests.support.deployment import deployed

from .conftest import GOOD, SECRET, parsed


def test_two_processes_count_as_one(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with deployed(tmp_path / "ours", MUSEKIT_METRICS_SECRET=SECRET, TMPDIR=str(temporary)) as ours:
        process = ours.serve("--workers", "2")
        for _ in range(40):
            assert httpx.get(f"{ours.url}/sign-in").status_code == 200  # a connection of its own
        labels = frozenset({"method": "GET", "route": "/sign-in", "status": "200"}.items())
        for _ in range(10):
            found = parsed(httpx.get(f"{ours.url}/metrics", headers=GOOD).text)
            assert found["musekit_http_requests_total", labels] == 40
            assert found["musekit_workers", frozenset()] == 0
        assert list(temporary.glob("musekit-metrics-*")) != []
        process.stop()
        assert list(temporary.glob("musekit-metrics-*")) == []
