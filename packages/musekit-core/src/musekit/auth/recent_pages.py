"""The page that asks again for a proof of who one is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel
from starlette.responses import Response

from musekit.auth import entry, recent, recent_ways
from musekit.auth.passwords import HASHING_SLOT
from musekit.errors import LimitReachedError
from musekit.kernel.actors import Actor
from musekit.kernel.ratelimit.policies import SIGN_IN
from musekit.kernel.web.access import HostDep, signed_in
from musekit.kernel.web.pages import redirect, render, safe_next

router = APIRouter()

InPerson = Annotated[Actor, signed_in(browser=True, in_person=True)]
Proving = Annotated[Actor, signed_in(browser=True, in_person=True, limit=SIGN_IN)]


class ProofForm(BaseModel):
    """What the form sends."""

    password: str = ""
    code: str = ""
    next: str = ""


@router.get("/re-authenticate")
def re_authenticate_page(
    request: Request,
    host: HostDep,
    actor: InPerson,
    next: str = "",  # noqa: A002
) -> Response:
    """Ask for the password, a passkey or what else there is, before a dangerous act."""
    return render(
        request, "musekit/auth/re-authenticate.html", next=safe_next(next), fault="",
        ways=recent_ways.of(host, actor),
    )  # fmt: skip


@router.post("/re-authenticate", dependencies=[HASHING_SLOT])
def re_authenticate(
    request: Request, host: HostDep, actor: Proving, form: Annotated[ProofForm, Form()]
) -> Response:
    """Check it, and go on to the page of the act."""
    try:
        made = recent.by_password(request, host, actor, form.password, form.code)
    except (entry.WrongCredentialsError, LimitReachedError) as error:
        shown = render(
            request, "musekit/auth/re-authenticate.html", fault=error.detail,
            status=429 if isinstance(error, LimitReachedError) else 422,
            next=safe_next(form.next), ways=recent_ways.of(host, actor),
        )  # fmt: skip
        shown.headers.update(error.headers)
        return shown
    answer = redirect(safe_next(form.next))
    entry.give_cookie(answer, host, made)
    return answer
