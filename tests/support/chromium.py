"""A real browser for tests of pages, and what is asked of every page in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PROGRAM = os.environ.get("MUSEKIT_CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
DESK = {"width": 1280, "height": 860}
#: Contexts to open pages in.
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": DESK, "color_scheme": "light"},
    "dark": {"viewport": DESK, "color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 390, "height": 844}, "color_scheme": "light", "is_mobile": True,
        "has_touch": True,
    },
}  # fmt: skip


@contextmanager
def launched() -> Iterator[Browser]:
    """Start Chromium; skip the test where there is none.

    Not for a whole run: while it is open an event loop counts as running in this thread.
    """
    if not Path(PROGRAM).exists():
        pytest.skip(f"no browser at {PROGRAM}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        yield browser
        browser.close()


def faults_of(page: Page) -> list[str]:
    """Return what axe finds wrong with a page for people who use it otherwise; empty is good."""
    from axe_playwright_python.sync_playwright import Axe

    return [
        f"{page.url} {fault['id']}: {node['html'][:160]} {node['failureSummary']}"
        for fault in Axe().run(page).response["violations"]
        for node in fault["nodes"][:3]
    ]
