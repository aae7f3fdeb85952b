"""Pages of one's data: have all of it, or have it deleted."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.auth import deletion, export
from musekit.auth.models import User
from musekit.auth.resolve import COOKIE, SYSTEM
from musekit.errors import ConflictError, InvalidError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep, signed_in
from musekit.kernel.web.cookies import drop_cookie
from musekit.kernel.web.flash import flash
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render

router = APIRouter(prefix="/account")

Recently = Annotated[Actor, signed_in(recent=True)]
Exporting = Annotated[Actor, signed_in(recent=True, limit=export.EXPORTS)]
Text = Annotated[str, Form()]


@router.get("/export")
def export_page(request: Request, actor: Recently) -> Response:
    """Say what is in the file, with the button that makes it."""
    return render(request, "musekit/auth/export.html")


@router.post("/export")
def download(request: Request, host: HostDep, actor: Exporting) -> Response:
    """Give the file."""
    return export.file_of(request, host, actor)


@router.get("/delete")
def delete_page(request: Request, host: HostDep, actor: Recently) -> Response:
    """Say what goes and what stays, and ask for the address."""
    return _delete_form(request, host, actor)


@router.post("/delete")
def delete(request: Request, host: HostDep, actor: Recently, email: Text = "") -> Response:
    """Shut the account; what belongs to it is deleted within minutes."""
    try:
        deletion.ask(request, host, actor, email)
    except InvalidError as error:
        return _delete_form(request, host, actor, 422, typed=email, errors=errors_of(error))
    except ConflictError as error:
        return _delete_form(request, host, actor, 409, typed=email, fault=error.detail)
    answer = redirect("/")
    drop_cookie(answer, host.settings, COOKIE)
    flash(request, "Your account is closed. Within minutes all that belonged to it is deleted.")
    return answer


def _delete_form(
    request: Request, host: Host, actor: Actor, status: int = 200, **context: object
) -> Response:
    """Show the form, and at once what stands in the way."""
    blank: dict[str, object] = {"errors": {}, "typed": "", "fault": ""}
    with host.database.session(SYSTEM) as session:
        user = session.get_one(User, actor.user_id)
        try:
            deletion.demand_free(session, user)
        except ConflictError as error:
            blank["fault"] = error.detail
        email = user.email
    return render(
        request, "musekit/auth/delete.html", status=status, email=email, **(blank | context)
    )
