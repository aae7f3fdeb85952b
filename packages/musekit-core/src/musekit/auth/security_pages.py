"""Pages of what guards an account: its password and its address."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.auth import changes, entry, new_address, sessions, tokens
from musekit.auth.federation import linking, provider
from musekit.auth.links import LinkSpentError
from musekit.auth.models import User
from musekit.auth.passwords import HASHING_SLOT
from musekit.auth.resolve import SYSTEM
from musekit.auth.second_factors import passkeys
from musekit.auth.second_factors import service as factors
from musekit.errors import InvalidError, LimitReachedError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.ratelimit.policies import RESET
from musekit.kernel.web.access import HostDep, public, signed_in
from musekit.kernel.web.flash import flash
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render

router = APIRouter()

Anybody = Annotated[Actor | None, public(limit=RESET)]
InBrowser = Annotated[Actor, signed_in(browser=True)]
InPerson = Annotated[Actor, signed_in(browser=True, in_person=True)]
Recently = Annotated[Actor, signed_in(recent=True)]
Mailing = Annotated[Actor, signed_in(recent=True, limit=RESET)]
Text = Annotated[str, Form()]


@router.get("/account/security")
def security_page(request: Request, host: HostDep, actor: InBrowser) -> Response:
    """Show what guards the account, and lead to where each is changed."""
    user_id = _id(actor)
    with host.database.session(SYSTEM, readonly=True) as session:
        user = session.get_one(User, user_id)
        change = new_address.pending(session, user_id)
        browsers = len(sessions.list_of(session, user_id))
        programs = len(tokens.list_of(session, user_id))
        asked = factors.of(session, user_id)
        keys = len(passkeys.list_of(session, user_id))
        elsewhere = linking.list_of(session, user_id)
    return render(
        request, "musekit/auth/security.html", user=user, change=change, browsers=browsers,
        programs=programs, factors=asked, passkeys=keys, identities=elsewhere,
        providers={each.key: each.label for each in provider.offered(host)},
    )  # fmt: skip


@router.get("/account/password")
def password_page(request: Request, host: HostDep, actor: Recently) -> Response:
    """Ask for the new password."""
    return _password_form(request, host, actor)


@router.post("/account/password", dependencies=[HASHING_SLOT])
def change_password(
    request: Request, host: HostDep, actor: Recently, password: Text = ""
) -> Response:
    """Set it; this browser stays signed in, all others are out."""
    try:
        made = changes.change_password(request, host, actor, password)
    except InvalidError as error:
        return _password_form(request, host, actor, 422, errors=errors_of(error))
    flash(request, "Your password is changed. All other browsers are signed out.")
    answer = redirect("/account/security")
    entry.give_cookie(answer, host, made)
    return answer


@router.get("/account/email")
def email_page(request: Request, host: HostDep, actor: Recently) -> Response:
    """Ask for the new address."""
    return _email_form(request, host, actor)


@router.post("/account/email")
def ask_for_address(request: Request, host: HostDep, actor: Mailing, email: Text = "") -> Response:
    """Mail the links that make it the account's."""
    try:
        new_address.ask(request, host, actor, email)
    except InvalidError as error:
        return _email_form(request, host, actor, 422, email=email, errors=errors_of(error))
    except LimitReachedError as error:
        answer = _email_form(request, host, actor, 429, email=email, fault=error.detail)
        answer.headers.update(error.headers)
        return answer
    flash(request, "The mails are on their way. Your address stays as it is until then.")
    return redirect("/account/security")


@router.post("/account/email/cancel")
def forget_address(request: Request, host: HostDep, actor: InPerson) -> Response:
    """Forget the change of address that is under way."""
    with host.database.session(SYSTEM) as session:
        new_address.cancel(session, _id(actor))
    flash(request, "Your address stays as it is. The links in the mails lead nowhere now.")
    return redirect("/account/security")


@router.get("/change-email/{token}")
def agree_page(request: Request, host: HostDep, actor: Anybody, token: str) -> Response:
    """Show which address is to become which, and a button."""
    try:
        with host.database.session(SYSTEM, readonly=True) as session:
            wanted = new_address.asked(session, token)
    except LinkSpentError as error:
        return _spent(request, error)
    return _private(render(request, "musekit/auth/change-email.html", wanted=wanted, token=token))


@router.post("/change-email/{token}")
def agree(request: Request, host: HostDep, actor: Anybody, token: str) -> Response:
    """Agree for one mailbox; with the second the address is another."""
    try:
        outcome = new_address.confirm(request, host, token, actor)
    except LinkSpentError as error:
        return _spent(request, error)
    except InvalidError as error:
        flash(request, error.detail, "danger")
    else:
        done = f"Your address is {outcome.email} now. Sign in with it from now on."
        half = "Thank you. The address changes once the link in the other mail is followed, too."
        flash(request, done if outcome.done else half, "success" if outcome.done else "info")
    return redirect("/sign-in" if actor is None else "/account/security")


def _id(actor: Actor) -> UUID:
    assert actor.user_id is not None
    return actor.user_id


def _password_form(
    request: Request, host: Host, actor: Actor, status: int = 200, **context: object
) -> Response:
    with host.database.session(SYSTEM, readonly=True) as session:
        user = session.get_one(User, _id(actor))
    return render(
        request, "musekit/auth/change-password.html", status=status, email=user.email,
        has_one=user.password_hash is not None, **({"errors": {}} | context),
    )  # fmt: skip


def _email_form(
    request: Request, host: Host, actor: Actor, status: int = 200, **context: object
) -> Response:
    with host.database.session(SYSTEM, readonly=True) as session:
        user = session.get_one(User, _id(actor))
    blank = {"errors": {}, "email": "", "fault": ""}
    return render(
        request, "musekit/auth/new-address.html", status=status, current=user.email,
        verified=user.email_verified_at is not None, **(blank | context),
    )  # fmt: skip


def _spent(request: Request, error: LinkSpentError) -> Response:
    return _private(
        render(
            request, "musekit/auth/link-spent.html", status=error.status, detail=error.detail,
            again="/account/security",
        )
    )  # fmt: skip


def _private(answer: Response) -> Response:
    answer.headers["x-robots-tag"] = "noindex"
    answer.headers["cache-control"] = "no-store"
    return answer
