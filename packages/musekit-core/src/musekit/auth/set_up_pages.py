"""The page by which a deployment gets its first operator."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.auth import entry, set_up
from musekit.auth.links import LinkSpentError
from musekit.auth.pages import SignUpForm
from musekit.auth.passwords import HASHING_SLOT
from musekit.errors import ForbiddenError, InvalidError
from musekit.kernel.actors import Actor
from musekit.kernel.ratelimit.policies import SIGN_UP
from musekit.kernel.web.access import HostDep, public
from musekit.kernel.web.flash import flash
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render
from musekit.kernel.web.times import zone_names

router = APIRouter()

Anybody = Annotated[Actor | None, public(limit=SIGN_UP)]


@router.get("/set-up/{token}")
def set_up_page(request: Request, host: HostDep, actor: Anybody, token: str) -> Response:
    """Ask who is to be the operator: who is signed in, or a new account."""
    try:
        set_up.check(host, token)
    except LinkSpentError as error:
        return _spent(request, error)
    return _form(request, token)


@router.post("/set-up/{token}", dependencies=[HASHING_SLOT])
def make_operator(
    request: Request, host: HostDep, actor: Anybody, token: str, form: Annotated[SignUpForm, Form()]
) -> Response:
    """Make them the operator, and go to the admin pages."""
    given = {"email": form.email, "name": form.name, "timezone": form.timezone}
    try:
        set_up.check(host, token)
        if actor is None:
            made = set_up.sign_up(request, host, token, password=form.password, **given)
        elif actor.session_id is None or actor.impersonator_id is not None:
            raise ForbiddenError("Open the link in a browser that you are signed in with.")
        else:
            made = set_up.appoint(request, host, token, actor)
    except LinkSpentError as error:
        return _spent(request, error)
    except InvalidError as error:
        return _form(request, token, 422, errors=errors_of(error), **given)
    flash(request, "You are the operator of this deployment now.")
    answer = redirect("/admin")
    entry.give_cookie(answer, host, made)
    return answer


def _form(request: Request, token: str, status: int = 200, **given: object) -> Response:
    blank = {"email": "", "name": "", "timezone": "UTC", "errors": {}}
    return _private(
        render(
            request, "musekit/auth/set-up.html", status=status, token=token, zones=zone_names(),
            **(blank | given),
        )
    )  # fmt: skip


def _spent(request: Request, error: LinkSpentError) -> Response:
    detail = "Run `musekit users set-up-link` where it is installed for another one."
    return _private(
        render(
            request, "musekit/auth/link-spent.html", status=error.status, detail=detail, again=""
        )
    )


def _private(answer: Response) -> Response:
    answer.headers["x-robots-tag"] = "noindex"
    answer.headers["cache-control"] = "no-store"
    return answer
