"""Pages of signing up, in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel
from starlette.responses import Response

from musekit.auth import account_pages, entry
from musekit.auth.passwords import HASHING_SLOT
from musekit.errors import InvalidError, LimitReachedError, MuseKitError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep, public
from musekit.kernel.web.flash import flash
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render, safe_next
from musekit.kernel.web.times import zone_names

router = APIRouter()
router.include_router(account_pages.router)

Anybody = Annotated[Actor | None, public()]


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


@router.get("/sign-in")
def sign_in_page(request: Request, actor: Anybody, next: str = "") -> Response:  # noqa: A002
    """Show the form; somebody who is signed in goes on."""
    if actor is not None:
        return redirect(safe_next(next))
    return render(
        request, "musekit/auth/sign-in.html", email="", next=safe_next(next, ""), fault=""
    )


@router.post("/sign-in", dependencies=[HASHING_SLOT])
def sign_in(
    request: Request, host: HostDep, actor: Anybody, form: Annotated[SignInForm, Form()]
) -> Response:
    """Sign in and go to where the person wanted to be."""
    try:
        made = entry.sign_in(
            request, host, email=form.email, password=form.password, timezone=form.timezone
        )
    except (entry.WrongCredentialsError, LimitReachedError) as error:
        answer = render(
            request, "musekit/auth/sign-in.html", status=_status(error), email=form.email,
            next=safe_next(form.next, ""), fault=error.detail,
        )  # fmt: skip
        answer.headers.update(error.headers)
        return answer
    return _welcome(host, made, safe_next(form.next))


@router.get("/sign-up")
def sign_up_page(request: Request, actor: Anybody) -> Response:
    """Show the form; somebody who is signed in goes on."""
    if actor is not None:
        return redirect("/dashboard")
    return _sign_up_form(request)


@router.post("/sign-up", dependencies=[HASHING_SLOT])
def sign_up(
    request: Request, host: HostDep, actor: Anybody, form: Annotated[SignUpForm, Form()]
) -> Response:
    """Make an account and sign it in."""
    given = {"email": form.email, "name": form.name, "timezone": form.timezone}
    try:
        made = entry.sign_up(request, host, password=form.password, **given)
    except InvalidError as error:
        return _sign_up_form(request, 422, errors=errors_of(error), **given)
    except LimitReachedError as error:
        answer = _sign_up_form(request, 429, fault=error.detail, **given)
        answer.headers.update(error.headers)
        return answer
    flash(request, "Welcome. Your account and your own space are ready.")
    return _welcome(host, made, "/dashboard")


@router.post("/sign-out")
def sign_out(request: Request, host: HostDep, actor: Anybody) -> Response:
    """End the session."""
    answer = redirect("/sign-in")
    entry.sign_out(request, host, answer)
    flash(request, "You are signed out.", "info")
    return answer


def _sign_up_form(request: Request, status: int = 200, **given: object) -> Response:
    blank = {"email": "", "name": "", "timezone": "UTC", "errors": {}, "fault": ""}
    return render(
        request, "musekit/auth/sign-up.html", status=status, zones=zone_names(), **(blank | given)
    )


def _welcome(host: Host, made: entry.Entry, target: str) -> Response:
    answer = redirect(target)
    entry.give_cookie(answer, host, made)
    return answer


def _status(error: MuseKitError) -> int:
    # 422, not 401: the page asks to correct the form; a 401 would make some clients ask themselves.
    return 422 if error.status == 401 else error.status
