"""Is this process up, and is it of use? Asked by load balancers, `musekit doctor` and people."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from musekit.declarations import Health
from musekit.kernel.discovery import CORE

if TYPE_CHECKING:
    from musekit.kernel.host import Host

logger = logging.getLogger(__name__)

#: A report is reused that long, so that asking often costs nothing.
FRESH = 2.0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one check."""

    name: str
    plugin: str
    status: Literal["ok", "warn", "fail"]
    detail: str = ""
    advice: str = ""


def examine(host: Host) -> list[Finding]:
    """Run all checks: the database, held plugins, paused observers, and plugins' own checks."""
    findings = [_database(host)]
    findings += [
        Finding(
            name=f"plugin {each.plugin}", plugin=each.plugin, status="warn",
            detail=f"{each.dist} {each.version} is held ({each.phase}): {each.error}",
            advice=each.advice,
        )
        for each in host.registry.quarantined
    ]  # fmt: skip
    findings += [
        Finding(
            name=f"hook {hook}", plugin=plugin, status="warn",
            detail="paused after failing repeatedly", advice="See the log, then restart.",
        )
        for plugin, hook in host.registry.hooks.paused()
    ]  # fmt: skip
    if findings[0].status == "ok":
        findings += [_ask(host, check.name, check.check) for check in host.registry.health_checks]
    return findings


def worst_first(host: Host) -> list[Finding]:
    """Run all checks, and return what fails before what warns and what is well."""
    order = ("fail", "warn", "ok")
    return sorted(examine(host), key=lambda each: order.index(each.status))


def _database(host: Host) -> Finding:
    try:
        # Taking a connection makes or tests one; no statement is needed.
        with host.database.application.connect(), host.database.system.connect():
            pass
    except Exception as error:
        logger.warning("The database does not answer: %s", error)
        return Finding(
            name="database", plugin=CORE, status="fail",
            detail=f"does not answer ({type(error).__name__})",
            advice="Nothing is lost. Check that it runs and that MUSEKIT_DATABASE_URL is right.",
        )  # fmt: skip
    return Finding(name="database", plugin=CORE, status="ok")


def _ask(host: Host, name: str, check: Any) -> Finding:
    plugin = host.registry.owner_of(f"check {name}") or CORE
    try:
        health = check(host)
        if not isinstance(health, Health):
            raise TypeError(f"the check returned {health!r}, not a Health")
    except Exception as error:
        logger.exception("Health check %s of plugin %s failed", name, plugin)
        return Finding(
            name=name, plugin=plugin, status="fail", detail=f"the check itself failed: {error!r}",
            advice="See the log; report it to the plugin's author.",
        )  # fmt: skip
    return Finding(
        name=name, plugin=plugin, status=health.status, detail=health.detail, advice=health.advice
    )


class Readiness:
    """Answers ``/readyz``. A plugin's failure is shown, but takes no process out of service."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._at = 0.0
        self._answer: tuple[int, dict[str, Any]] = (503, {})

    def answer(self) -> tuple[int, dict[str, Any]]:
        """Return the HTTP status and a report without details, for anybody may ask."""
        if self._host.stopping.is_set():
            return 503, {"status": "stopping"}
        with self._lock:
            if time.monotonic() - self._at > FRESH:
                self._answer = self._report()
                self._at = time.monotonic()
            return self._answer

    def _report(self) -> tuple[int, dict[str, Any]]:
        findings = examine(self._host)
        down = any(each.status == "fail" and each.plugin == CORE for each in findings)
        worse = any(each.status != "ok" for each in findings)
        return 503 if down else 200, {
            "status": "fail" if down else "warn" if worse else "ok",
            "checks": {each.name: each.status for each in findings},
            "plugins": {each.name: each.version for each in self._host.registry.plugins},
            "held": {each.plugin: each.phase for each in self._host.registry.quarantined},
        }
