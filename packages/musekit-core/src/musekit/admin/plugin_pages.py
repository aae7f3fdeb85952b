"""Pages of plugins."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from musekit.admin import plugin_acts, plugins
from musekit.admin.rules import Acting, Operator
from musekit.errors import ConflictError
from musekit.kernel.web.access import HostDep
from musekit.kernel.web.flash import flash, refusals
from musekit.kernel.web.pages import redirect, render

router = APIRouter(prefix="/admin/plugins")


class WantedPlugins(BaseModel):
    """What of the list is asked for: it is short, so it is one page."""

    search: str = ""


@router.get("")
def plugins_page(
    request: Request, host: HostDep, actor: Operator, wanted: Annotated[WantedPlugins, Query()]
) -> Response:
    """List what is installed, held, disabled, and what has left data here."""
    found = plugins.listed(host, search=wanted.search)
    return render(
        request, "musekit/admin/plugins.html", plugins=found, wanted=wanted.model_dump()
    )  # fmt: skip


@router.get("/{name}")
def plugin_page(request: Request, host: HostDep, actor: Operator, name: str) -> Response:
    """Show one plugin: its version, what it adds and owns, and what is wrong with it."""
    found = plugins.detail(host, name)
    return render(
        request, "musekit/admin/plugin.html", plugin=found.shown, detail=found,
        by_environment=name in host.settings.disabled_plugins,
    )  # fmt: skip


@router.post("/{name}/disable")
def disable(request: Request, host: HostDep, actor: Acting, name: str) -> Response:
    """Leave a plugin out from the next start on."""
    with refusals(request, ConflictError):
        plugin_acts.disable(request, host, actor, name)
        flash(request, f"“{name}” is left out from the next start on. Its data stays.")
    return redirect(f"/admin/plugins/{quote(name)}")


@router.post("/{name}/enable")
def enable(request: Request, host: HostDep, actor: Acting, name: str) -> Response:
    """Import a plugin again from the next start on."""
    with refusals(request, ConflictError):
        plugin_acts.enable(request, host, actor, name)
        flash(request, f"“{name}” is tried at the next start.")
    return redirect(f"/admin/plugins/{quote(name)}")
