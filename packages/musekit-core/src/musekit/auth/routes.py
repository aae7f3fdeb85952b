"""JSON routes of sign-in, tokens and sessions. All act as the system: they are about the person,
not about a space.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Request, Response

from musekit.auth import accounts, entry, recent, sessions, token_acts, tokens
from musekit.auth import schemas as s
from musekit.auth.models import User
from musekit.auth.passwords import HASHING_SLOT
from musekit.auth.resolve import SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.ratelimit.policies import SIGN_IN, SIGN_UP
from musekit.kernel.web.access import HostDep, public, signed_in
from musekit.kernel.web.idempotency import no_store
from musekit.spaces import service as spaces

router = APIRouter(prefix="/api/auth", tags=["Sign-in"])

Anybody = Annotated[Actor | None, public()]
SigningIn = Annotated[Actor | None, public(limit=SIGN_IN)]
SigningUp = Annotated[Actor | None, public(limit=SIGN_UP)]
SomebodyHere = Annotated[Actor, signed_in(bound=True)]
InBrowser = Annotated[Actor, signed_in(browser=True)]
InPerson = Annotated[Actor, signed_in(browser=True, in_person=True)]
Proving = Annotated[Actor, signed_in(browser=True, in_person=True, limit=SIGN_IN)]
Recently = Annotated[Actor, signed_in(recent=True)]
LATER: dict[int | str, dict[str, Any]] = {
    202: {"model": s.ToConfirm, "description": "The address is to be confirmed first"}
}
HALF_WAY: dict[int | str, dict[str, Any]] = {
    202: {"model": s.SecondFactor, "description": "A code is asked for, too"}
}


def _signed_in(made: entry.Entry) -> s.SignedIn:
    user = s.UserOut.of(made.user)
    return s.SignedIn(user=user, space_id=made.space_id, csrf_token=made.csrf_token)


@router.post("/sign-up", status_code=201, dependencies=[HASHING_SLOT], responses=LATER)
@no_store
def sign_up(
    request: Request, response: Response, host: HostDep, actor: SigningUp, body: s.SignUp
) -> s.SignedIn | s.ToConfirm:
    """Make an account with its personal space, and sign it in.

    With 202 the address is to be confirmed first, by the link that is mailed to it.
    """
    made = entry.sign_up(
        request, host, email=body.email, password=body.password, name=body.name,
        timezone=body.timezone,
    )  # fmt: skip
    if made is None:
        response.status_code = 202
        return s.ToConfirm(confirm=body.email)
    entry.give_cookie(response, host, made)
    return _signed_in(made)


@router.post("/sign-in", dependencies=[HASHING_SLOT], responses=HALF_WAY)
@no_store
def sign_in(
    request: Request, response: Response, host: HostDep, actor: SigningIn, body: s.SignIn
) -> s.SignedIn | s.SecondFactor:
    """Start a browser session; the answer sets its cookie. With 202 a code is asked for, too."""
    made = entry.sign_in(request, host, email=body.email, password=body.password)
    entry.give_cookie(response, host, made)
    if isinstance(made, entry.Pending):
        response.status_code = 202
        return s.SecondFactor(second_factor=["totp", "recovery_code"])
    return _signed_in(made)


@router.post("/sign-out", status_code=204)
def sign_out(request: Request, response: Response, host: HostDep, actor: Anybody) -> None:
    """End the browser session of this request."""
    entry.sign_out(request, host, response)


@router.post("/re-authenticate", dependencies=[HASHING_SLOT])
@no_store
def re_authenticate(
    request: Request, response: Response, host: HostDep, actor: Proving, body: s.Proof
) -> s.SignedIn:
    """Prove again who one is, before a dangerous act; the answer sets a new cookie."""
    made = recent.by_password(request, host, actor, body.password, body.code)
    entry.give_cookie(response, host, made)
    return _signed_in(made)


@router.get("/me")
def me(host: HostDep, actor: SomebodyHere) -> s.Me:
    """Say who the request is by, where, and what they may do."""
    assert actor.user_id is not None
    assert actor.space_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        user = session.get_one(User, actor.user_id)
        space = spaces.membership(session, actor.user_id, actor.space_id)
    return s.Me(
        user=s.UserOut.of(user),
        space=s.SpaceOut.model_validate(space),
        permissions=sorted(actor.permissions),
        via=cast("Literal['user', 'token']", actor.kind),
        is_operator=actor.is_operator,
    )


@router.patch("/me")
def change_me(host: HostDep, actor: InBrowser, body: s.Changes) -> s.UserOut:
    """Change one's name or time zone."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM) as session:
        user = accounts.change(session, actor.user_id, name=body.name, timezone=body.timezone)
    return s.UserOut.of(user)


@router.get("/tokens")
def list_tokens(host: HostDep, actor: InBrowser) -> s.TokenList:
    """List one's API tokens."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        found = tokens.list_of(session, actor.user_id)
    return s.TokenList(items=[s.TokenOut.model_validate(each) for each in found])


@router.post("/tokens", status_code=201)
@no_store
def create_token(request: Request, host: HostDep, actor: Recently, body: s.NewToken) -> s.TokenMade:
    """Make an API token for the space one is in. Its secret is in this answer and nowhere else."""
    row, secret = token_acts.make(request, host, actor, body.name, body.scopes, days=body.days)
    return s.TokenMade(**s.TokenOut.model_validate(row).model_dump(), token=secret)


@router.delete("/tokens/{token_id}", status_code=204)
def revoke_token(request: Request, host: HostDep, actor: InPerson, token_id: UUID) -> None:
    """Revoke an API token at once."""
    token_acts.revoke(request, host, actor, token_id)


@router.get("/sessions")
def list_sessions(host: HostDep, actor: InBrowser) -> s.SessionList:
    """List the browsers one is signed in with."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        found = sessions.list_of(session, actor.user_id)
    items = [s.SessionOut.model_validate(each) for each in found]
    for each in items:
        each.is_current = each.id == actor.session_id
    return s.SessionList(items=items)


@router.delete("/sessions/{session_id}", status_code=204)
def revoke_session(host: HostDep, actor: InPerson, session_id: UUID) -> None:
    """Sign a browser out."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM) as session:
        sessions.revoke(session, actor.user_id, session_id)
