"""Switching plugins off and on for the next start: each an edge, noted in the audit log."""

from __future__ import annotations

from starlette.requests import Request

from musekit.admin import plugins
from musekit.admin.rules import SYSTEM
from musekit.audit import service as audit
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host


def disable(request: Request, host: Host, actor: Actor, name: str) -> None:
    """Leave a plugin out from the next start on; raises as `plugins.disable`."""
    if plugins.disable(host, name):
        _note(request, host, actor, "plugin.disabled", name)


def enable(request: Request, host: Host, actor: Actor, name: str) -> None:
    """Import a plugin again from the next start on; raises as `plugins.enable`."""
    if plugins.enable(host, name):
        _note(request, host, actor, "plugin.enabled", name)


def _note(request: Request, host: Host, actor: Actor, action: str, name: str) -> None:
    with host.database.session(SYSTEM) as session:
        audit.record(session, actor, action, target=("plugin", name), request=request)
