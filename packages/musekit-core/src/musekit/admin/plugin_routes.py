"""``/api/admin/plugins``: what is installed, what it adds and owns; switched for the next start."""

from __future__ import annotations

from fastapi import APIRouter, Request

from musekit.admin import plugin_acts, plugins
from musekit.admin import plugin_schemas as s
from musekit.admin.rules import Acting, Operator
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep

router = APIRouter(prefix="/api/admin/plugins", tags=["Administration"])


@router.get("")
def list_plugins(host: HostDep, actor: Operator, search: str = "") -> s.AdminPluginList:
    """List what is installed, held, disabled, and what has left data here."""
    return s.AdminPluginList(items=[s.shown(each) for each in plugins.listed(host, search=search)])


@router.get("/{name}")
def get_plugin(host: HostDep, actor: Operator, name: str) -> s.AdminPluginDetail:
    """Get one plugin: its version, what it adds and owns, and what is wrong with it."""
    return _one(host, name)


@router.post("/{name}/disable")
def disable_plugin(
    request: Request, host: HostDep, actor: Acting, name: str
) -> s.AdminPluginDetail:
    """Leave a plugin out from the next start on; its data stays."""
    plugin_acts.disable(request, host, actor, name)
    return _one(host, name)


@router.post("/{name}/enable")
def enable_plugin(request: Request, host: HostDep, actor: Acting, name: str) -> s.AdminPluginDetail:
    """Import a plugin again from the next start on, and forget earlier failures of its import."""
    plugin_acts.enable(request, host, actor, name)
    return _one(host, name)


def _one(host: Host, name: str) -> s.AdminPluginDetail:
    off = name in host.settings.disabled_plugins
    return s.AdminPluginDetail.of(plugins.detail(host, name), by_environment=off)
