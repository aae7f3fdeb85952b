"""The page of one's passkeys."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.auth.resolve import SYSTEM
from musekit.auth.second_factors import ceremonies, passkey_acts, passkeys
from musekit.errors import ConflictError, InvalidError, NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep, signed_in
from musekit.kernel.web.flash import flash
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render

router = APIRouter(prefix="/account/passkeys")

Recently = Annotated[Actor, signed_in(recent=True)]


@router.get("")
def passkeys_page(request: Request, host: HostDep, actor: Recently) -> Response:
    """List one's passkeys; the button to add one is worked by a script."""
    return _page(request, host, actor)


@router.post("/{passkey_id}/rename")
def rename(
    request: Request,
    host: HostDep,
    actor: Recently,
    passkey_id: UUID,
    name: Annotated[str, Form()] = "",
) -> Response:
    """Call a passkey otherwise."""
    try:
        made = passkey_acts.rename(request, host, actor, passkey_id, name)
    except InvalidError as error:
        return _page(
            request, host, actor, 422, changed=passkey_id, name=name, errors=errors_of(error)
        )
    except NotFoundError as error:
        flash(request, error.detail, "info")
    else:
        flash(request, f"The passkey is called {made.name} from now on.")
    return redirect("/account/passkeys")


@router.post("/{passkey_id}/remove")
def remove(request: Request, host: HostDep, actor: Recently, passkey_id: UUID) -> Response:
    """Forget a passkey; one that is gone already is what was wanted."""
    try:
        passkey_acts.remove(request, host, actor, passkey_id)
    except NotFoundError as error:
        flash(request, error.detail, "info")
    except ConflictError as error:
        flash(request, error.detail, "danger")
    else:
        flash(request, "The passkey opens nothing any more. Delete it on the device, too.")
    return redirect("/account/passkeys")


def _page(
    request: Request, host: Host, actor: Actor, status: int = 200, **context: object
) -> Response:
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        found = passkeys.list_of(session, actor.user_id)
    return render(
        request, "musekit/auth/passkeys.html", status=status, passkeys=found,
        possible=ceremonies.is_possible(host), address=host.settings.public_url,
        **({"changed": None, "name": "", "errors": {}} | context),
    )  # fmt: skip
