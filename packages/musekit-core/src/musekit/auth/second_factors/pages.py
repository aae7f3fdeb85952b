"""Pages of second factors: the code after the password, and setting the app up."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.auth import entry
from musekit.auth.models import User
from musekit.auth.resolve import SYSTEM
from musekit.auth.second_factors import flows, service, signing, totp
from musekit.errors import ConflictError, InvalidError, LimitReachedError, NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.ratelimit.policies import SIGN_IN
from musekit.kernel.web import csrf
from musekit.kernel.web.access import HostDep, public, signed_in
from musekit.kernel.web.flash import flash, refusals
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render, safe_next

router = APIRouter()

SigningIn = Annotated[Actor | None, public(limit=SIGN_IN)]
Recently = Annotated[Actor, signed_in(recent=True)]
Text = Annotated[str, Form()]


@router.get("/sign-in/second-factor")
def second_factor_page(request: Request, host: HostDep, actor: SigningIn) -> Response:
    """Ask for a code; whoever is not half-way in begins at the beginning."""
    way = signing.half_way(request, host)
    if way is None:
        return redirect("/sign-in")
    return render(request, "musekit/auth/second-factor.html", fault="", way=way)


@router.post("/sign-in/second-factor")
def second_factor(request: Request, host: HostDep, actor: SigningIn, code: Text = "") -> Response:
    """Check it, and go to where the person wanted to be."""
    way = signing.half_way(request, host)
    try:
        made, goal = signing.finish(request, host, code)
    except flows.FlowOverError as error:
        flash(request, error.detail, "info")
        return redirect("/sign-in" if actor is None else "/account/security")
    except (signing.WrongCodeError, LimitReachedError) as error:
        shown = render(
            request, "musekit/auth/second-factor.html", fault=error.detail, way=way,
            status=429 if isinstance(error, LimitReachedError) else 422,
        )  # fmt: skip
        shown.headers.update(error.headers)
        return shown
    answer = redirect(safe_next(goal))
    entry.give_cookie(answer, host, made)
    return answer


@router.get("/account/security/totp")
def totp_page(request: Request, host: HostDep, actor: Recently) -> Response:
    """Show the picture for the app, or what is on."""
    return _totp_form(request, host, actor)


@router.post("/account/security/totp")
def turn_on(request: Request, host: HostDep, actor: Recently, code: Text = "") -> Response:
    """Turn it on, and show the recovery codes, this once: the answer is the page itself."""
    try:
        changed = service.turn_on(request, host, actor, code)
    except (InvalidError, LimitReachedError) as error:
        errors = {"code": error.detail}
        if isinstance(error, InvalidError):
            errors = errors_of(error)
        shown = _totp_form(request, host, actor, error.status, errors=errors)
        shown.headers.update(error.headers)
        return shown
    except ConflictError as error:
        flash(request, error.detail, "info")
        return redirect("/account/security/totp")
    return _codes(request, host, changed)


@router.post("/account/security/totp/off")
def turn_off(request: Request, host: HostDep, actor: Recently) -> Response:
    """Turn it off."""
    answer = redirect("/account/security")
    with refusals(request, NotFoundError, tone="info"):
        signing.accept(answer, host, service.turn_off(request, host, actor))
        flash(request, "Codes are not asked for any more. All other browsers are signed out.")
    return answer


@router.post("/account/security/recovery-codes")
def new_codes(request: Request, host: HostDep, actor: Recently) -> Response:
    """Make new recovery codes and show them, this once."""
    try:
        changed = service.new_codes(request, host, actor)
    except NotFoundError as error:
        flash(request, error.detail, "info")
        return redirect("/account/security/totp")
    return _codes(request, host, changed)


def _codes(request: Request, host: Host, changed: service.Changed) -> Response:
    csrf.remember(request, changed.row.csrf_token)  # the page's forms are of the new session
    answer = render(request, "musekit/auth/recovery-codes.html", codes=changed.codes)
    signing.accept(answer, host, changed)
    answer.headers["cache-control"] = "no-store"
    return answer


def _totp_form(
    request: Request, host: Host, actor: Actor, status: int = 200, **context: object
) -> Response:
    assert actor.user_id is not None
    secret = ""
    with host.database.session(SYSTEM) as session:
        found = service.of(session, actor.user_id)
        user = session.get_one(User, actor.user_id)
        if not found.totp:
            secret = totp.offered(session, host, user)
    shown = totp.picture(totp.uri(host, secret, user.email)) if secret else ""
    answer = render(
        request, "musekit/auth/totp.html", status=status, factors=found, picture=shown,
        typed=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        **({"errors": {}} | context),
    )  # fmt: skip
    answer.headers["cache-control"] = "no-store"
    return answer
