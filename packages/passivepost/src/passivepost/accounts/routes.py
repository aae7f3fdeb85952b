"""``/api/social/accounts``, ``/connect`` and ``/callback``."""

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import TypeAdapter

from musekit.api import Actor, HostDep, MuseKitError, ReadSession, requires
from passivepost.accounts import connect, service
from passivepost.accounts.schemas import (
    AccountList,
    AccountOut,
    CheckList,
    ConnectIn,
    Disconnected,
    Redirect,
    ValidateIn,
)

router = APIRouter(tags=["accounts"])

Reader = Annotated[Actor, requires("social.accounts.read")]
Writer = Annotated[Actor, requires("social.accounts.write")]
#: An operator who acts as somebody connects nothing: it would be there when they are gone.
Connector = Annotated[Actor, requires("social.accounts.write", in_person=True, bound=True)]
#: A connection is finished in the browser session that began it, by nobody else.
Browser = Annotated[
    Actor, requires("social.accounts.write", browser=True, in_person=True, bound=True)
]

_ACCOUNT = TypeAdapter(AccountOut)
PAGE = "/dashboard/social"


@router.get("/accounts")
def list_accounts(actor: Reader, session: ReadSession) -> AccountList:
    """List connected social accounts."""
    return {"items": service.list_accounts(session), "next_cursor": None}


@router.delete("/accounts/{account_id}")
def disconnect_account(actor: Writer, host: HostDep, account_id: UUID) -> Disconnected:
    """Disconnect an account: its tokens are destroyed, its scheduled posts are held."""
    return connect.disconnect(host, actor, account_id)


@router.post("/accounts/validate")
def validate_accounts(actor: Writer, host: HostDep, request: ValidateIn | None = None) -> CheckList:
    """Ask the platforms whether the stored credentials still work."""
    account_id = request.account_id if request else None
    return {"items": connect.validate(host, actor, account_id), "next_cursor": None}


@router.post("/connect")
def connect_account(
    actor: Connector, host: HostDep, request: ConnectIn, response: Response
) -> Redirect | AccountOut:
    """Connect a platform: gives `authorize_url` for OAuth, the account for a filled-in form."""
    response.headers["Cache-Control"] = "no-store"  # the address holds the state of the flow
    return connect.connect(host, actor, request.platform, request.values)


@router.get("/connect/{ticket}", status_code=303, response_class=RedirectResponse)
def continue_connection(actor: Browser, host: HostDep, ticket: str) -> Response:
    """Continue, in the browser, a connection that was asked for by token. Works once."""
    return _see_other(connect.go_on(host, actor, ticket[:200]))


@router.get("/callback/{platform}", response_model=AccountOut)
def callback(
    *,
    actor: Browser,
    host: HostDep,
    request: Request,
    platform: str,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str | None, Query(max_length=4000)] = None,
    error: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Finish an OAuth connection. A browser is sent on to the accounts page, with what happened."""
    page = "text/html" in request.headers.get("accept", "")
    try:
        account = connect.callback(host, actor, platform[:60], state=state, code=code, error=error)
    except MuseKitError as fault:
        if not page:
            raise
        reason = fault.extra.get("reason") or fault.code
        return _see_other(f"{PAGE}?{urlencode({'connect_error': reason, 'platform': platform})}")
    if page:
        return _see_other(f"{PAGE}?{urlencode({'connected': platform})}")
    headers = {"Cache-Control": "no-store"}
    return Response(_ACCOUNT.dump_json(account), headers=headers, media_type="application/json")


def _see_other(url: str) -> Response:
    # The state in this address, and the code in the one before, must reach no third party.
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return RedirectResponse(url, status_code=303, headers=headers)
