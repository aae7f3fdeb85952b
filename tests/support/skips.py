"""Which tests may be skipped in continuous integration, and why. Any other skip fails the run.

A skip prints its reason; one that is not in this list is a test that silently stopped testing.
"""

from __future__ import annotations

import os
import re
from collections import Counter

import pytest

#: Patterns of reasons: what a machine of continuous integration cannot provide …
CANNOT_PROVIDE = (
    r"^MUSEKIT_SPECS_DIR is not set",  # the official documents are not ours to ship
    r"^(docker compose|systemd-analyze) is not here$",
    r"^the extra otel is not installed",
    r"^a file system of the test's own can be mounted by root on Linux only$",
    r"^no browser at ",  # Chromium, where tools/test-servers may not install it
    r"^no xmlsec1 here",  # the same
    r"^no (OpenID Connect|SAML) provider: (no npm on this machine|npm install failed)",
)
#: … and what has no meaning for one of the two databases, or for one platform.
NO_MEANING = (
    r"^SQLite has no server to lose$",
    r"^of SQLite$",
    r"^SQLite has no row level security",
    r"^PostgreSQL enforces foreign keys all along$",
    r"^SQLite has one lock for all",
    r"^the trigger refuses it, and only the owner may switch that off$",
    r"^read from PostgreSQL's plan$",
    r"^SQLite has one writer$",
    r"^delivery\.idempotency promises nothing$",
    r"^\w+ is not declared$",
    r"^(Fault\.)?\w+: ",  # PlatformContract: a fault that the double of a platform cannot play
)
ALLOWED = [re.compile(pattern) for pattern in (*CANNOT_PROVIDE, *NO_MEANING)]


class SkipWatch:
    """Collects skips of a run; in CI, fails the run for those that are not allowed."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        #: of what this machine cannot provide: how many tests were left out for each reason
        self.lacking: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Judge the reason of each skip."""
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            reason = str(reason).removeprefix("Skipped: ")
            if any(re.search(pattern, reason) for pattern in CANNOT_PROVIDE):
                self.lacking[reason.partition("\n")[0]] += 1
            if not any(pattern.search(reason) for pattern in ALLOWED):
                self.refused.append(f"{report.nodeid}: {reason}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a run of CI that left out what it should have tested."""
        if self.refused and os.environ.get("CI") and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what this machine could not test, and what was skipped without leave."""
        for reason, number in self.lacking.most_common():
            terminalreporter.write_line(f"not tested on this machine: {number} for: {reason}")
        for line in self.refused:
            terminalreporter.write_line(f"skipped, and not on the list of skips.py: {line}")


def pytest_configure(config: pytest.Config) -> None:
    """Watch the skips of this run."""
    config.pluginmanager.register(SkipWatch(), "musekit-skips")
