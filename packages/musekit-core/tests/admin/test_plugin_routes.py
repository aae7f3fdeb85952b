"""Plugins by JSON: what each is, adds and owns; off and on at the next start."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from musekit.audit.models import AuditEntry
from musekit.kernel import discovery
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.registry import Quarantine

SYSTEM = Actor.system("tests")


def test_what_the_core_adds_and_owns(host: Host, operator: Any) -> None:
    first = operator.got("/plugins")["items"][0]
    assert (first["name"], first["state"], first["fault"]) == ("musekit", "active", None)
    found = operator.got("/plugins/musekit")
    assert found["plugin"] == first
    added = {each["kind"]: each["names"] for each in found["adds"]}
    assert "GET /api/admin/plugins/{name}" in added["JSON routes"]
    owned = {name for each in found["owns"] for name in each["names"]}
    assert "audit_log" in owned
    assert found["pending"] == []
    assert operator.got("/plugins", search="elephant")["items"] == []


@pytest.mark.workspace
def test_off_and_on_at_the_next_start(host: Host, operator: Any) -> None:
    name = next(e.name for e in discovery.installed() if e.name != "musekit")
    off = operator.ask("POST", f"/plugins/{name}/disable")
    assert off.status_code == 200, off.text
    assert off.json()["plugin"]["changes"] is True
    assert discovery.disabled(host.settings.data_dir) == {name}
    assert operator.ask("POST", f"/plugins/{name}/enable").status_code == 200
    assert discovery.disabled(host.settings.data_dir) == set()
    with host.database.session(SYSTEM, readonly=True) as session:
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.target_kind == "plugin").order_by(AuditEntry.at)
        ).all()
    assert [each.action for each in entries] == ["plugin.disabled", "plugin.enabled"]


@pytest.mark.workspace
@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_cannot_be_switched_and_why_one_is_held(host: Host, operator: Any) -> None:
    answer = operator.ask("POST", "/plugins/musekit/disable")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    for name in ("nothing", "..%2fx", "a b"):
        assert operator.ask("POST", f"/plugins/{name}/disable").status_code in (404, 405), name
        assert operator.ask("GET", f"/plugins/{name}").status_code in (404, 405), name
    installed = next(e for e in discovery.installed() if e.name != "musekit")
    host.registry.hold(
        Quarantine(
            plugin=installed.name, dist=installed.dist, version=installed.version,
            phase="inactive", error="needs something else", advice="Install it.",
        )
    )  # fmt: skip
    held = operator.got(f"/plugins/{installed.name}")["plugin"]
    assert (held["state"], held["fault"]["advice"]) == ("held", "Install it.")
    findings = operator.got("/health")["items"]
    assert "needs something else" in findings[0]["detail"]  # what is wrong stands first
