"""Second factors as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from musekit.auth import entry
from musekit.auth.models import User
from musekit.auth.resolve import SYSTEM
from musekit.auth.schemas import SignedIn, UserOut
from musekit.auth.second_factors import service, signing, totp
from musekit.errors import ConflictError
from musekit.kernel.actors import Actor
from musekit.kernel.ratelimit.policies import SIGN_IN
from musekit.kernel.web.access import HostDep, public, signed_in
from musekit.kernel.web.idempotency import no_store
from musekit.kernel.web.openapi import problem
from musekit.kernel.web.schemas import Input

router = APIRouter(prefix="/api/auth", tags=["Sign-in"])

SigningIn = Annotated[Actor | None, public(limit=SIGN_IN)]
InBrowser = Annotated[Actor, signed_in(browser=True)]
Recently = Annotated[Actor, signed_in(recent=True)]
OVER: dict[int | str, dict[str, Any]] = {410: problem("Sign in again, from the beginning")}


class Code(Input):
    """A code of the app, or a recovery code."""

    code: str = Field(max_length=64)


class FactorsOut(BaseModel):
    """What one is asked for beside the password."""

    totp: bool
    recovery_codes_left: int


class Offer(BaseModel):
    """What an authenticator app is given; it counts once a code of it is confirmed."""

    shared_secret: str = Field(description="base 32, for typing")
    uri: str = Field(description="otpauth://…, for a QR code")


class Codes(BaseModel):
    """Recovery codes, shown this once."""

    recovery_codes: list[str]


@router.post("/sign-in/second-factor", responses=OVER)
@no_store
def second_factor(
    request: Request, response: Response, host: HostDep, actor: SigningIn, body: Code
) -> SignedIn:
    """Give the code that was asked for after the password; the answer sets the session's cookie."""
    made, _ = signing.finish(request, host, body.code)
    entry.give_cookie(response, host, made)
    user = UserOut.of(made.user)
    return SignedIn(user=user, space_id=made.space_id, csrf_token=made.csrf_token)


@router.get("/factors")
def factors(host: HostDep, actor: InBrowser) -> FactorsOut:
    """Say what one is asked for beside the password."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        found = service.of(session, actor.user_id)
    return FactorsOut(totp=found.totp, recovery_codes_left=found.recovery_codes)


@router.post("/totp")
@no_store
def offer_totp(host: HostDep, actor: Recently) -> Offer:
    """Give what an authenticator app is to be told. Confirm it by a code of the app."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM) as session:
        if totp.is_on(session, actor.user_id):
            raise ConflictError("Your authenticator app is asked for already. Turn it off first.")
        user = session.get_one(User, actor.user_id)
        secret = totp.offered(session, host, user)
    return Offer(shared_secret=secret, uri=totp.uri(host, secret, user.email))


@router.post("/totp/confirm")
@no_store
def confirm_totp(
    request: Request, response: Response, host: HostDep, actor: Recently, body: Code
) -> Codes:
    """Turn it on by a code of the app; the answer has recovery codes, and sets a new cookie."""
    changed = service.turn_on(request, host, actor, body.code)
    signing.accept(response, host, changed)
    return Codes(recovery_codes=changed.codes)


@router.delete("/totp", status_code=204)
def drop_totp(request: Request, response: Response, host: HostDep, actor: Recently) -> None:
    """Ask for no codes any more. Other browsers are signed out; the answer sets a new cookie."""
    signing.accept(response, host, service.turn_off(request, host, actor))


@router.post("/recovery-codes")
@no_store
def new_codes(request: Request, response: Response, host: HostDep, actor: Recently) -> Codes:
    """Make new recovery codes; the ones before are worth nothing."""
    changed = service.new_codes(request, host, actor)
    signing.accept(response, host, changed)
    return Codes(recovery_codes=changed.codes)
