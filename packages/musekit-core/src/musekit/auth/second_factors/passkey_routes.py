"""Passkeys as JSON, which is what a page's script speaks with the browser and with us."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from musekit.auth import entry
from musekit.auth.models import User
from musekit.auth.resolve import SYSTEM
from musekit.auth.schemas import SignedIn, UserOut
from musekit.auth.second_factors import ceremonies, passkey_acts, passkeys
from musekit.auth.second_factors import passkey_proofs as proofs
from musekit.kernel.actors import Actor
from musekit.kernel.ratelimit.policies import SIGN_IN
from musekit.kernel.web.access import HostDep, public, signed_in
from musekit.kernel.web.cookies import set_cookie
from musekit.kernel.web.idempotency import no_store
from musekit.kernel.web.schemas import Input, Output

router = APIRouter(prefix="/api/auth", tags=["Sign-in"])

SigningIn = Annotated[Actor | None, public(limit=SIGN_IN)]
InBrowser = Annotated[Actor, signed_in(browser=True)]
Proving = Annotated[Actor, signed_in(browser=True, in_person=True, limit=SIGN_IN)]
Recently = Annotated[Actor, signed_in(recent=True)]


class Shown(Input):
    """What the browser's passkey has answered: PublicKeyCredential.toJSON()."""

    credential: dict[str, Any]


class Made(Shown):
    """A new passkey, and what to call it."""

    name: str = Field("", max_length=200)


class Renamed(Input):
    """What to call a passkey."""

    name: str = Field(max_length=200)


class Options(BaseModel):
    """What to hand to the browser, as WebAuthn Level 3 writes it in JSON."""

    options: dict[str, Any]


class PasskeyOut(Output):
    """A passkey."""

    id: UUID
    name: str
    backed_up: bool = Field(description="kept by a password manager or cloud, not one device alone")
    created_at: datetime
    last_used_at: datetime | None


class PasskeyList(BaseModel):
    """One's passkeys."""

    items: list[PasskeyOut]
    next_cursor: None = None


@router.post("/sign-in/passkey/options")
@no_store
def options_to_come_in(response: Response, host: HostDep, actor: SigningIn) -> Options:
    """Begin to sign in by a passkey; the answer sets the cookie of the attempt."""
    with host.database.session(SYSTEM) as session:
        options, cookie = proofs.options_to_come_in(session, host)
    seconds = int(ceremonies.LASTS.total_seconds())
    set_cookie(response, host.settings, proofs.COOKIE, cookie, max_age=seconds)
    return Options(options=options)


@router.post("/sign-in/passkey")
@no_store
def come_in(
    request: Request, response: Response, host: HostDep, actor: SigningIn, body: Shown
) -> SignedIn:
    """Sign in by a passkey. No password and no code is asked for beside it."""
    made = passkey_acts.come_in(request, host, body.credential)
    entry.give_cookie(response, host, made)
    return _signed_in(made)


@router.post("/re-authenticate/passkey/options")
@no_store
def options_to_confirm(host: HostDep, actor: Proving) -> Options:
    """Begin to prove again who one is, by a passkey."""
    assert actor.user_id is not None
    assert actor.session_id is not None
    with host.database.session(SYSTEM) as session:
        options = proofs.options_to_confirm(session, host, actor.user_id, actor.session_id)
    return Options(options=options)


@router.post("/re-authenticate/passkey")
@no_store
def confirm(
    request: Request, response: Response, host: HostDep, actor: Proving, body: Shown
) -> SignedIn:
    """Prove again who one is, before a dangerous act; the answer sets a new cookie."""
    made = passkey_acts.confirm(request, host, actor, body.credential)
    entry.give_cookie(response, host, made)
    return _signed_in(made)


@router.get("/passkeys")
def list_passkeys(host: HostDep, actor: InBrowser) -> PasskeyList:
    """List one's passkeys."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        found = passkeys.list_of(session, actor.user_id)
    return PasskeyList(items=[PasskeyOut.model_validate(each) for each in found])


@router.post("/passkeys/options")
@no_store
def options_for_new(host: HostDep, actor: Recently) -> Options:
    """Begin to add a passkey."""
    assert actor.session_id is not None
    with host.database.session(SYSTEM) as session:
        user = session.get_one(User, actor.user_id)
        options = passkeys.options_for_new(session, host, user, actor.session_id)
    return Options(options=options)


@router.post("/passkeys", status_code=201)
def add(request: Request, host: HostDep, actor: Recently, body: Made) -> PasskeyOut:
    """Add the passkey that the browser has made."""
    made = passkey_acts.add(request, host, actor, body.name, body.credential)
    return PasskeyOut.model_validate(made)


@router.patch("/passkeys/{passkey_id}")
def rename(
    request: Request, host: HostDep, actor: Recently, passkey_id: UUID, body: Renamed
) -> PasskeyOut:
    """Call a passkey otherwise."""
    row = passkey_acts.rename(request, host, actor, passkey_id, body.name)
    return PasskeyOut.model_validate(row)


@router.delete("/passkeys/{passkey_id}", status_code=204)
def remove(request: Request, host: HostDep, actor: Recently, passkey_id: UUID) -> None:
    """Forget a passkey."""
    passkey_acts.remove(request, host, actor, passkey_id)


def _signed_in(made: entry.Entry) -> SignedIn:
    user = UserOut.of(made.user)
    return SignedIn(user=user, space_id=made.space_id, csrf_token=made.csrf_token)
