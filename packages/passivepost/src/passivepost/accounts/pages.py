"""``/dashboard/social``: are my networks connected?"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from musekit.api import (
    Actor,
    ConflictError,
    Host,
    HostDep,
    InvalidError,
    MuseKitError,
    errors_of,
    flash,
    redirect,
    render,
    requires,
)
from passivepost.accounts import connect
from passivepost.accounts.cards import cards
from passivepost.accounts.schemas import Check
from passivepost.pages.looks import look_of

router = APIRouter()
PAGE = "/dashboard/social"

Reader = Annotated[Actor, requires("social.accounts.read", browser=True)]
Writer = Annotated[Actor, requires("social.accounts.write", browser=True)]
#: An operator who acts as somebody connects nothing: it would be there when they are gone.
Connector = Annotated[
    Actor, requires("social.accounts.write", browser=True, in_person=True, bound=True)
]


async def form_values(request: Request) -> dict[str, str]:
    """Return what a connection form holds; its fields are the platform's, named ``value-…``."""
    form = await request.form()
    return {
        key.removeprefix("value-"): value[:2000]
        for key, value in form.multi_items()
        if key.startswith("value-") and isinstance(value, str)
    }


Values = Annotated[dict[str, str], Depends(form_values)]

#: What is said of a connection that did not come about, by the reason the callback names.
REASONS = {
    "denied": "Access was declined there. Nothing was stored; connect again when you like.",
    "platform_error": "The network answered with an error. Nothing was stored; try again.",
    "not_configured": "It is not set up in this deployment yet. The operator has to add its keys.",
    "connected_elsewhere": "This account is already connected in another space. Disconnect it"
    " there first. Nothing was changed here.",
    "other_account": "Another account of this network is connected here. Disconnect that one"
    " first: its scheduled posts must not go out from another account.",
    "refused": "The network did not accept the sign-in. Nothing was stored; connect again.",
    "forbidden": "The connection was not started in this browser, was used already, or took too"
    " long. Nothing was stored; start again here.",
    "limit-reached": "Your plan has no room for another network. Disconnect one, or move up.",
    "unavailable": "The network did not answer. Nothing was changed; try again in a minute.",
}
OTHERWISE = "It did not work, and nothing was stored. Try again."


@router.get(PAGE)
def accounts_page(
    *,
    request: Request,
    host: HostDep,
    actor: Reader,
    connected: Annotated[str, Query(max_length=60)] = "",
    connect_error: Annotated[str, Query(max_length=60)] = "",
    platform: Annotated[str, Query(max_length=60)] = "",
    form: Annotated[str, Query(alias="connect", max_length=60)] = "",
) -> Response:
    """Show a card per network; after a connection, what came of it."""
    notice = None
    if connected:
        notice = ("success", look_of(host, connected).label, "")
    elif connect_error:
        notice = ("danger", look_of(host, platform).label, REASONS.get(connect_error, OTHERWISE))
    return _page(request, host, actor, notice=notice, open_form=form)


@router.post(f"{PAGE}/connect/{{name}}")
def connect_network(
    request: Request, host: HostDep, actor: Connector, name: str, values: Values
) -> Response:
    """Begin a connection: go to the network, or take what was typed into its form."""
    look = look_of(host, name[:60])
    try:
        answer = connect.connect(host, actor, name[:60], values or None)
    except InvalidError as error:
        faults = {
            key.removeprefix("values."): said
            for key, said in errors_of(error).items()
            if key.startswith("values.")
        }
        if not values:
            return _page(request, host, actor, 422, notice=("danger", look.label, error.detail))
        return _page(
            request, host, actor, 422, open_form=name, typed=values, errors=faults,
            fault="" if faults else error.detail,
        )  # fmt: skip
    except MuseKitError as error:
        if values:
            return _page(
                request, host, actor, error.status, open_form=name, typed=values, fault=error.detail
            )
        return _page(
            request, host, actor, error.status, notice=("danger", look.label, error.detail)
        )
    if (url := answer.get("authorize_url")) is not None:
        away = redirect(str(url))
        # The address holds the state of the flow: it must reach no third party, and no cache.
        away.headers.update({"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
        return away
    flash(request, f"{look.label} is connected as @{answer.get('platform_username')}.")
    return redirect(PAGE)


@router.post(f"{PAGE}/accounts/validate")
def check_accounts(request: Request, host: HostDep, actor: Writer) -> Response:
    """Ask all networks whether they still accept the connections."""
    return _checked(request, connect.validate(host, actor, None))


@router.post(f"{PAGE}/accounts/{{account_id:uuid}}/validate")
def check_account(request: Request, host: HostDep, actor: Writer, account_id: UUID) -> Response:
    """Ask one network."""
    return _checked(request, connect.validate(host, actor, account_id))


@router.post(f"{PAGE}/accounts/{{account_id:uuid}}/disconnect")
def disconnect_account(
    request: Request, host: HostDep, actor: Writer, account_id: UUID
) -> Response:
    """Disconnect an account, and say what that did."""
    try:
        done = connect.disconnect(host, actor, account_id)
    except ConflictError as error:
        flash(request, error.detail, "danger")
        return redirect(PAGE)
    label = look_of(host, done["platform"]).label
    flash(request, f"{label} is disconnected. {done['detail']}", "info")
    return redirect(PAGE)


def _checked(request: Request, checks: list[Check]) -> Response:
    for check in checks:
        flash(request, check["detail"], "success" if check["is_valid"] else "warning")
    if not checks:
        flash(request, "There is nothing to check: no network is connected.", "info")
    return redirect(PAGE)


def _page(
    request: Request, host: Host, actor: Actor, status: int = 200, **context: object
) -> Response:
    with host.database.session(actor, readonly=True) as session:
        found = cards(session, host)
    blank: dict[str, object] = {
        "notice": None,
        "open_form": "",
        "typed": {},
        "errors": {},
        "fault": "",
    }
    return render(
        request, "passivepost/accounts.html", status=status, cards=found,
        may_write=actor.may("social.accounts.write"), **(blank | context),
    )  # fmt: skip
