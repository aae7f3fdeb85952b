"""How reports of Lighthouse are judged; what it says of the pages takes `make lighthouse`."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.lighthouse import CATEGORIES, CannotMeasureError, Found, read, table

HOME = "http://127.0.0.1:8000"


def report(performance: float | None = 0.97, asked: str = f"{HOME}/-/static/a.css") -> Any:
    """A report as Lighthouse 13 writes it, as far as it is read."""
    scores = {"performance": performance, "accessibility": 1, "best-practices": 0.96}
    parts = [{"id": "slow", "weight": 10}, {"id": "told", "weight": 0}]
    return {
        "requestedUrl": f"{HOME}/queue",
        "finalDisplayedUrl": f"{HOME}/queue?x=1",
        "categories": {name: {"score": scores[name], "auditRefs": parts} for name in CATEGORIES},
        "audits": {
            "slow": {"score": 0.4, "title": "It paints late", "displayValue": "2.9 s"},
            "told": {"score": 0, "title": "It costs nothing"},
            "network-requests": {"details": {"items": [{"url": f"{HOME}/queue"}, {"url": asked}]}},
        },
    }


def test_the_median_counts() -> None:
    found = Found()
    for performance in (0.90, 0.96, 1.0):
        read(report(performance), HOME, found)
    assert (found.median("performance"), found.median("best-practices")) == (96, 96)
    assert found.is_good
    assert found.weak == {"slow": "It paints late 2.9 s"}
    read(report(0.5), HOME, found)
    read(report(0.5), HOME, found)
    assert [found.is_good] == [False]
    assert "90 !" in table({"/queue": found})


def test_whoever_asks_strangers_has_not_passed() -> None:
    found = Found()
    read(report(asked="https://fonts.example/a.woff2"), HOME, found)
    assert found.strangers == {"https://fonts.example/a.woff2"}
    assert not found.is_good


@pytest.mark.parametrize(
    "fault",
    [
        {"runtimeError": {"code": "NO_FCP", "message": "it painted nothing"}},
        {"finalDisplayedUrl": f"{HOME}/sign-in"},
        {"categories": report(None)["categories"]},
    ],
    ids=["no paint", "another page", "no score"],
)
def test_what_was_not_measured_is_no_score(fault: dict[str, Any]) -> None:
    with pytest.raises(CannotMeasureError):
        read(report() | fault, HOME, Found())
