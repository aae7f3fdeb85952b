"""Plugins: what they add and own, why one is held, and switched off and on for the next start."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from musekit.admin import plugins
from musekit.audit.models import AuditEntry
from musekit.kernel import discovery
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.registry import Quarantine

SYSTEM = Actor.system("tests")


def noted(host: Host) -> list[tuple[str, str]]:
    with host.database.session(SYSTEM, readonly=True) as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.at, AuditEntry.id)).all()
    return [(e.action, e.target_id) for e in entries if e.action.startswith("plugin.")]


def main(page: Any) -> str:
    text: str = page.text.partition("<main")[2]
    return text


def test_what_the_core_is_and_adds(host: Host, operator: Any) -> None:
    listed = main(operator.page("/admin/plugins"))
    assert "musekit-core" in listed
    page = main(operator.page("/admin/plugins/musekit"))
    assert host.registry.plugins[0].version in page
    for added in (
        "GET /admin/plugins/{name}", "GET /api/auth/me", "email-deliver", "usage.read",
        "MUSEKIT_EMAIL_SMTP_HOST", "verify-email", "tier definitions",
    ):  # fmt: skip
        assert added in page, added
    assert "audit_log" in page  # what it owns in the database
    assert "none has run" not in page
    assert not plugins.detail(host, "musekit").pending
    assert "Disable" not in page


@pytest.mark.workspace
def test_why_one_is_held(host: Host, operator: Any) -> None:
    installed = next(e for e in discovery.installed() if e.name != "musekit")
    host.registry.hold(
        Quarantine(
            plugin=installed.name, dist=installed.dist, version=installed.version,
            phase="inactive", error="needs something else", advice="Install it.",
        )
    )  # fmt: skip
    page = main(operator.page(f"/admin/plugins/{installed.name}"))
    assert "needs something else" in page
    assert "Install it." in page
    assert "Held" in main(operator.page("/admin/plugins"))
    assert "needs something else" in main(operator.page("/admin/health"))


@pytest.mark.workspace
def test_off_and_on_at_the_next_start(host: Host, operator: Any) -> None:
    name = next(e.name for e in discovery.installed() if e.name != "musekit")
    folder = host.settings.data_dir
    answer = operator.send(f"/admin/plugins/{name}/disable")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/admin/plugins/{name}")
    assert discovery.disabled(folder) == {name}
    operator.send(f"/admin/plugins/{name}/disable")
    assert noted(host) == [("plugin.disabled", name)]
    operator.send(f"/admin/plugins/{name}/enable")
    assert discovery.disabled(folder) == set()
    assert noted(host)[1:] == [("plugin.enabled", name)]


@pytest.mark.workspace
def test_what_cannot_be_switched(host: Host, operator: Any) -> None:
    operator.send("/admin/plugins/musekit/disable")
    assert discovery.disabled(host.settings.data_dir) == set()
    assert "core cannot be disabled" in operator.page("/admin/plugins/musekit").text
    for name in ("nothing", "../x", "%2e%2e", "a b"):
        assert operator.send(f"/admin/plugins/{name}/disable").status_code in (404, 405), name
        assert operator.page(f"/admin/plugins/{name}").status_code in (404, 405), name
    name = next(e.name for e in discovery.installed() if e.name != "musekit")
    host.settings.disabled_plugins = [name]
    operator.send(f"/admin/plugins/{name}/enable")
    assert "MUSEKIT_DISABLED_PLUGINS names" in operator.page(f"/admin/plugins/{name}").text
    assert noted(host) == []


@pytest.mark.parametrize("backend", ["sqlite"])
def test_search(operator: Any) -> None:
    assert "musekit-core" in main(operator.page("/admin/plugins", search="MUSEKIT-CORE"))
    assert "No plugin is called that" in main(operator.page("/admin/plugins", search="elephant"))
