"""Pages of what is mailed: confirm an address, forget a password, choose another.

Who follows a link sees a page with a button; only the button acts, for programs that read mail
open links, too.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.auth import reset, verification
from musekit.auth.links import LinkSpentError
from musekit.auth.passwords import HASHING_SLOT
from musekit.auth.resolve import SYSTEM
from musekit.errors import ConflictError, InvalidError, LimitReachedError
from musekit.kernel.actors import Actor
from musekit.kernel.ratelimit.policies import RESET, RESET_MAILBOX
from musekit.kernel.web.access import HostDep, public, signed_in
from musekit.kernel.web.flash import flash, refusals
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render

router = APIRouter()

Anybody = Annotated[Actor | None, public(limit=RESET)]
InBrowser = Annotated[Actor, signed_in(browser=True)]
Text = Annotated[str, Form()]


@router.get("/verify/{token}")
def verify_page(request: Request, host: HostDep, actor: Anybody, token: str) -> Response:
    """Show which address is to be confirmed, and a button."""
    try:
        with host.database.session(SYSTEM, readonly=True) as session:
            address = verification.address_of(session, token)
    except LinkSpentError as error:
        return _spent(request, error, "/account")
    return _page(request, "musekit/auth/verify.html", address=address, token=token)


@router.post("/verify/{token}")
def verify(request: Request, host: HostDep, actor: Anybody, token: str) -> Response:
    """Confirm the address."""
    try:
        with host.database.session(SYSTEM) as session:
            user = verification.confirm(session, token, actor)
    except LinkSpentError as error:
        return _spent(request, error, "/account")
    flash(request, f"{user.email} is confirmed.")
    return redirect("/sign-in" if actor is None else "/dashboard")


@router.post("/account/verify")
def verify_again(request: Request, host: HostDep, actor: InBrowser) -> Response:
    """Send the link that confirms one's address once more."""
    assert actor.user_id is not None
    with refusals(request, ConflictError, LimitReachedError, tone="info"):
        host.limits.hit(RESET_MAILBOX, f"verify:{actor.user_id}")
        with host.database.session(SYSTEM) as session:
            verification.send(session, host, actor.user_id)
        flash(request, "The mail is on its way. Follow the link in it.")
    return redirect("/account")


@router.get("/forgot")
def forgot_page(request: Request, actor: Anybody) -> Response:
    """Ask for the address of the account."""
    return _page(request, "musekit/auth/forgot.html", sent=False, email="", fault="")


@router.post("/forgot")
def forgot(request: Request, host: HostDep, actor: Anybody, email: Text = "") -> Response:
    """Note the wish; the answer is the same for every address."""
    try:
        reset.ask(host, email)
    except LimitReachedError as error:
        answer = _page(
            request, "musekit/auth/forgot.html", 429, sent=False, email=email, fault=error.detail
        )
        answer.headers.update(error.headers)
        return answer
    return _page(request, "musekit/auth/forgot.html", sent=True, email=email, fault="")


@router.get("/reset/{token}")
def reset_page(request: Request, host: HostDep, actor: Anybody, token: str) -> Response:
    """Ask for the new password."""
    try:
        reset.check(host, token)
    except LinkSpentError as error:
        return _spent(request, error, "/forgot")
    return _page(request, "musekit/auth/reset.html", token=token, errors={})


@router.post("/reset/{token}", dependencies=[HASHING_SLOT])
def choose_password(
    request: Request, host: HostDep, actor: Anybody, token: str, password: Text = ""
) -> Response:
    """Set it; then it is to be used, once, to come in."""
    try:
        reset.choose(request, host, token, password)
    except LinkSpentError as error:
        return _spent(request, error, "/forgot")
    except InvalidError as error:
        return _page(request, "musekit/auth/reset.html", 422, token=token, errors=errors_of(error))
    flash(request, "Your new password is set. Sign in with it.")
    return redirect("/sign-in")


def _page(request: Request, template: str, status: int = 200, **context: object) -> Response:
    answer = render(request, template, status=status, **context)
    answer.headers["x-robots-tag"] = "noindex"
    answer.headers["cache-control"] = "no-store"
    return answer


def _spent(request: Request, error: LinkSpentError, again: str) -> Response:
    return _page(
        request, "musekit/auth/link-spent.html", error.status, detail=error.detail, again=again
    )
