"""The page of an organization's settings: its name, what new spaces begin with, its end."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel
from starlette.responses import Response

from musekit.auth.resolve import SYSTEM
from musekit.errors import ConflictError, InvalidError, NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep, requires
from musekit.kernel.web.flash import flash, refusals
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render
from musekit.kernel.web.times import zone_names
from musekit.organizations import owner_acts, preferences, second_factor, service
from musekit.organizations.here import here
from musekit.organizations.none_page import none

router = APIRouter(prefix="/organization/settings")

Manager = Annotated[Actor, requires("organization.settings.write", browser=True)]
Owner = Annotated[Actor, requires("organization.transfer", recent=True)]


class SettingsForm(BaseModel):
    """What the form sends."""

    name: str = ""
    timezone: str = ""
    color: str = ""


@router.get("")
def settings_page(request: Request, host: HostDep, actor: Manager) -> Response:
    """Show the settings."""
    try:
        return _page(request, host, actor)
    except NotFoundError:
        return none(request, host, actor)


@router.post("")
def change_settings(
    request: Request, host: HostDep, actor: Manager, form: Annotated[SettingsForm, Form()]
) -> Response:
    """Save them."""
    organization = here(host, actor)
    color = form.color.strip()
    wanted = {
        "timezone": form.timezone or None,
        "branding": {"color": color} if color else None,
    }
    try:
        owner_acts.change(request, host, actor, organization, name=form.name, settings=wanted)
    except InvalidError as error:
        faults = errors_of(error)
        if "branding.color" in faults:
            faults["color"] = "choose a colour, such as #2f6f5e"
        return _page(
            request, host, actor, 422, errors=faults, name=form.name, timezone=form.timezone,
            color=form.color,
        )  # fmt: skip
    flash(request, "The settings are saved.")
    return redirect("/organization/settings")


@router.post("/second-factor")
def ask_for_second_factor(
    request: Request, host: HostDep, actor: Owner, on: Annotated[bool, Form()] = False
) -> Response:
    """Ask the members for a second factor, or no more."""
    organization = here(host, actor)
    with refusals(request, ConflictError):
        found = second_factor.ask(request, host, actor, organization, on=on)
        flash(request, _said(found))
    return redirect("/organization/settings")


def _said(found: second_factor.Demand) -> str:
    if not found.asked:
        return "No second factor is asked for any more."
    rest = f" {found.without} of them have none yet." if found.without else ""
    return f"Members come into these spaces with a second factor only.{rest}"


def _page(
    request: Request, host: Host, actor: Actor, status: int = 200, **given: object
) -> Response:
    with host.database.session(SYSTEM, readonly=True) as session:
        organization = service.of(session, actor.space_id)
        own = preferences.of(session, organization.id)
        asked = second_factor.of(session, organization.id)
    blank = {
        "name": organization.name, "timezone": own.get("timezone", "UTC"),
        "color": own.get("branding", {}).get("color", ""), "errors": {},
    }  # fmt: skip
    return render(
        request, "musekit/organization/settings.html", status=status, organization=organization,
        zones=zone_names(), second_factor=asked, **(blank | given),
    )  # fmt: skip
