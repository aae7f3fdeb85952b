"""The same as the pages of password and address, as JSON."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from musekit.auth import changes, entry, new_address
from musekit.auth.link_routes import SPENT, Link
from musekit.auth.passwords import HASHING_SLOT
from musekit.auth.resolve import SYSTEM
from musekit.auth.schemas import SignedIn, UserOut
from musekit.kernel.actors import Actor
from musekit.kernel.ratelimit.policies import RESET
from musekit.kernel.web.access import HostDep, public, signed_in
from musekit.kernel.web.idempotency import no_store
from musekit.kernel.web.schemas import Input

router = APIRouter(prefix="/api/auth", tags=["Sign-in"])

Anybody = Annotated[Actor | None, public(limit=RESET)]
InPerson = Annotated[Actor, signed_in(browser=True, in_person=True)]
Recently = Annotated[Actor, signed_in(recent=True)]
Mailing = Annotated[Actor, signed_in(recent=True, limit=RESET)]


class NewPassword(Input):
    """The password from now on."""

    password: str = Field(max_length=1024)


class NewAddress(Input):
    """The e-mail address from now on, once its mailbox and the old one agree."""

    email: str = Field(max_length=320)


class Agreed(BaseModel):
    """What following a link has led to."""

    email: str = Field(description="the address it is about")
    done: bool = Field(description="false: the link in the other mail is still to be followed")


@router.post("/password", dependencies=[HASHING_SLOT])
@no_store
def change_password(
    request: Request, response: Response, host: HostDep, actor: Recently, body: NewPassword
) -> SignedIn:
    """Set another password. All other browsers are signed out; the answer sets a new cookie."""
    made = changes.change_password(request, host, actor, body.password)
    entry.give_cookie(response, host, made)
    return SignedIn(user=UserOut.of(made.user), space_id=made.space_id, csrf_token=made.csrf_token)


@router.post("/email", status_code=202)
def ask_for_address(request: Request, host: HostDep, actor: Mailing, body: NewAddress) -> None:
    """Have the links mailed that make an address the account's."""
    new_address.ask(request, host, actor, body.email)


@router.delete("/email", status_code=204)
def forget_address(host: HostDep, actor: InPerson) -> None:
    """Forget the change of address that is under way."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM) as session:
        new_address.cancel(session, actor.user_id)


@router.post("/email/confirm", responses=SPENT)
@no_store
def agree(request: Request, host: HostDep, actor: Anybody, body: Link) -> Agreed:
    """Agree to a change of address for the mailbox that a link was sent to."""
    outcome = new_address.confirm(request, host, body.link, actor)
    return Agreed(email=outcome.email, done=outcome.done)
