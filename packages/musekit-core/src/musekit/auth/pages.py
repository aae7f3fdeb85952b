"""Pages of signing up, in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel
from starlette.responses import Response

from musekit.auth import account_pages, entry, recent_pages
from musekit.auth.federation import provider
from musekit.auth.passwords import HASHING_SLOT
from musekit.auth.second_factors import ceremonies
from musekit.errors import InvalidError, LimitReachedError, MuseKitError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.ratelimit.policies import SIGN_IN, SIGN_UP
from musekit.kernel.web.access import HostDep, public
from musekit.kernel.web.flash import flash
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render, safe_next
from musekit.kernel.web.times import zone_names

router = APIRouter()
router.include_router(account_pages.router)
router.include_router(recent_pages.router)

Anybody = Annotated[Actor | None, public()]
SigningIn = Annotated[Actor | None, public(limit=SIGN_IN)]
SigningUp = Annotated[Actor | None, public(limit=SIGN_UP)]


class SignInForm(BaseModel):
    """What the form sends; what is missing is an empty text, which no account has."""

    email: str = ""
    password: str = ""
    next: str = ""
    timezone: str = ""  #: the browser's, put in by the page's script


class SignUpForm(BaseModel):
    """What the form sends; judged by the service, so that faults come back to their fields."""

    email: str = ""
    password: str = ""
    name: str = ""
    timezone: str = "UTC"
    next: str = ""


@router.get("/sign-in")
def sign_in_page(
    request: Request,
    host: HostDep,
    actor: Anybody,
    next: str = "",  # noqa: A002
) -> Response:
    """Show the form; somebody who is signed in goes on."""
    if actor is not None:
        return redirect(safe_next(next))
    return _sign_in_form(request, host, next=safe_next(next, ""))


@router.post("/sign-in", dependencies=[HASHING_SLOT])
def sign_in(
    request: Request, host: HostDep, actor: SigningIn, form: Annotated[SignInForm, Form()]
) -> Response:
    """Sign in and go to where the person wanted to be."""
    try:
        made = entry.sign_in(
            request, host, email=form.email, password=form.password, timezone=form.timezone,
            goal=safe_next(form.next),
        )  # fmt: skip
    except (entry.WrongCredentialsError, entry.UnconfirmedError, LimitReachedError) as error:
        answer = _sign_in_form(
            request, host, _status(error), email=form.email, next=safe_next(form.next, ""),
            fault=error.detail,
        )  # fmt: skip
        answer.headers.update(error.headers)
        return answer
    return _welcome(host, made, safe_next(form.next))


@router.get("/sign-up")
def sign_up_page(
    request: Request,
    host: HostDep,
    actor: Anybody,
    next: str = "",  # noqa: A002
    email: str = "",
) -> Response:
    """Show the form; somebody who is signed in goes on. An invitation fills in the address."""
    if actor is not None:
        return redirect(safe_next(next))
    return _sign_up_form(request, host, next=safe_next(next, ""), email=email[:320])


@router.post("/sign-up", dependencies=[HASHING_SLOT])
def sign_up(
    request: Request, host: HostDep, actor: SigningUp, form: Annotated[SignUpForm, Form()]
) -> Response:
    """Make an account and sign it in."""
    given = {"email": form.email, "name": form.name, "timezone": form.timezone}
    try:
        made = entry.sign_up(request, host, password=form.password, **given)
    except (InvalidError, LimitReachedError) as error:
        errors = errors_of(error) if isinstance(error, InvalidError) else {"": error.detail}
        shown = _sign_up_form(
            request, host, error.status, errors=errors, next=safe_next(form.next, ""), **given
        )
        shown.headers.update(error.headers)
        return shown
    if made is None:
        return render(request, "musekit/auth/sign-up-sent.html", email=form.email)
    flash(request, "Welcome. Your account and your own space are ready.")
    return _welcome(host, made, safe_next(form.next))


@router.post("/sign-out")
def sign_out(request: Request, host: HostDep, actor: Anybody) -> Response:
    """End the session."""
    answer = redirect("/sign-in")
    entry.sign_out(request, host, answer)
    flash(request, "You are signed out.", "info")
    return answer


def _sign_in_form(request: Request, host: Host, status: int = 200, **given: object) -> Response:
    blank = {
        "email": "", "fault": "", "passkeys": ceremonies.is_possible(host),
        "providers": provider.offered(host),
    }  # fmt: skip
    return render(request, "musekit/auth/sign-in.html", status=status, **(blank | given))


def _sign_up_form(request: Request, host: Host, status: int = 200, **given: object) -> Response:
    blank = {
        "email": "", "name": "", "timezone": "UTC", "errors": {}, "next": "",
        "providers": provider.offered(host),
    }  # fmt: skip
    return render(
        request, "musekit/auth/sign-up.html", status=status, zones=zone_names(), **(blank | given)
    )


def _welcome(host: Host, made: entry.Entry | entry.Pending, target: str) -> Response:
    half_way = isinstance(made, entry.Pending)
    answer = redirect("/sign-in/second-factor" if half_way else target)
    entry.give_cookie(answer, host, made)
    return answer


def _status(error: MuseKitError) -> int:
    # 422, not 401: the page asks to correct the form; a 401 would make some clients ask themselves.
    return 422 if error.status in (401, 403) else error.status
