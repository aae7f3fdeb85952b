"""Pages of one's account: who I am, my API tokens, where I am signed in."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, field_validator
from starlette.responses import Response

from musekit.auth import accounts, impersonation_log, sessions, token_acts, tokens
from musekit.auth.models import User
from musekit.auth.resolve import SYSTEM
from musekit.errors import InvalidError, NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep, signed_in
from musekit.kernel.web.flash import flash, refusals
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render
from musekit.kernel.web.times import zone_names
from musekit.kernel.web.user_agents import describe

router = APIRouter(prefix="/account")

InBrowser = Annotated[Actor, signed_in(browser=True)]
InPerson = Annotated[Actor, signed_in(browser=True, in_person=True)]
Recently = Annotated[Actor, signed_in(recent=True)]
Text = Annotated[str, Form()]


class TokenForm(BaseModel):
    """What the form for a new token sends; no days: until it is revoked."""

    name: str = ""
    scopes: list[str] = []
    days: int | None = None

    @field_validator("days", mode="before")
    @classmethod
    def _no_days(cls, value: object) -> object:
        return None if value == "" else value


def _ids(actor: Actor) -> tuple[UUID, UUID]:
    assert actor.user_id is not None
    assert actor.space_id is not None
    return actor.user_id, actor.space_id


@router.get("")
def account_page(request: Request, host: HostDep, actor: InBrowser) -> Response:
    """Show name, address and zone."""
    with host.database.session(SYSTEM, readonly=True) as session:
        user = session.get_one(User, actor.user_id)
    return render(
        request, "musekit/auth/account.html", email=user.email, name=user.name,
        timezone=user.zone, zones=zone_names(), errors={}, verified=user.email_verified_at,
    )  # fmt: skip


@router.post("")
def change_account(
    request: Request, host: HostDep, actor: InBrowser, name: Text = "", timezone: Text = ""
) -> Response:
    """Change name and zone."""
    user_id, _ = _ids(actor)
    try:
        with host.database.session(SYSTEM) as session:
            accounts.change(session, user_id, name=name, timezone=timezone)
    except InvalidError as error:
        with host.database.session(SYSTEM, readonly=True) as session:
            user = session.get_one(User, user_id)
        return render(
            request, "musekit/auth/account.html", status=422, email=user.email, name=name,
            timezone=timezone, zones=zone_names(), errors=errors_of(error),
            verified=user.email_verified_at,
        )  # fmt: skip
    flash(request, "Your account is saved.")
    return redirect("/account")


@router.get("/tokens")
def tokens_page(request: Request, host: HostDep, actor: Recently) -> Response:
    """List one's API tokens, with the form for a new one."""
    return _tokens(request, host, actor)


@router.post("/tokens")
def create_token(
    request: Request, host: HostDep, actor: Recently, form: Annotated[TokenForm, Form()]
) -> Response:
    """Make a token and show it, this once: the answer is the page itself, not a redirect."""
    try:
        _, secret = token_acts.make(request, host, actor, form.name, form.scopes, days=form.days)
    except InvalidError as error:
        return _tokens(
            request, host, actor, 422, errors=errors_of(error), name=form.name, chosen=form.scopes
        )
    return _tokens(request, host, actor, secret=secret)


@router.post("/tokens/{token_id}/revoke")
def revoke_token(request: Request, host: HostDep, actor: InPerson, token_id: UUID) -> Response:
    """Revoke a token; one that is gone already is what was wanted."""
    with refusals(request, NotFoundError, tone="info"):
        token_acts.revoke(request, host, actor, token_id)
        flash(request, "The token is revoked. Programs that use it are refused from now on.")
    return redirect("/account/tokens")


@router.get("/sessions")
def sessions_page(request: Request, host: HostDep, actor: InBrowser) -> Response:
    """List the browsers one is signed in with."""
    user_id, _ = _ids(actor)
    with host.database.session(SYSTEM, readonly=True) as session:
        found = sessions.list_of(session, user_id)
        times = impersonation_log.times(session, user_id)
    return render(
        request, "musekit/auth/sessions.html", sessions=found, current=actor.session_id,
        describe=describe, times=times,
    )  # fmt: skip


@router.post("/sessions/revoke-others")
def revoke_other_sessions(request: Request, host: HostDep, actor: InPerson) -> Response:
    """Sign out everywhere else."""
    user_id, _ = _ids(actor)
    with host.database.session(SYSTEM) as session:
        count = sessions.revoke_others(session, user_id, actor.session_id)
    flash(request, f"Signed out in {count} other place{'' if count == 1 else 's'}.")
    return redirect("/account/sessions")


@router.post("/sessions/{session_id}/revoke")
def revoke_session(request: Request, host: HostDep, actor: InPerson, session_id: UUID) -> Response:
    """Sign a browser out; also the one that asks."""
    user_id, _ = _ids(actor)
    with refusals(request, NotFoundError, tone="info"):
        with host.database.session(SYSTEM) as session:
            sessions.revoke(session, user_id, session_id)
        flash(request, "That browser is signed out.")
    return redirect("/account/sessions")


def _tokens(
    request: Request, host: Host, actor: Actor, status: int = 200, **context: object
) -> Response:
    user_id, space_id = _ids(actor)
    with host.database.session(SYSTEM, readonly=True) as session:
        found = tokens.list_of(session, user_id)
        places = tokens.spaces_of(session, found)
    rights = [each for each in host.registry.permissions if each.key in actor.permissions]
    blank = {"errors": {}, "name": "", "chosen": [], "secret": ""}
    return render(
        request, "musekit/auth/tokens.html", status=status, tokens=found, rights=rights,
        here=space_id, places=places, **(blank | context),
    )  # fmt: skip
