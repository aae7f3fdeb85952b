"""The same as the pages of mailed links, as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from musekit.auth import reset, verification
from musekit.auth.passwords import HASHING_SLOT
from musekit.auth.resolve import SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.ratelimit.policies import RESET, RESET_MAILBOX
from musekit.kernel.web.access import HostDep, public, signed_in
from musekit.kernel.web.idempotency import no_store
from musekit.kernel.web.openapi import problem
from musekit.kernel.web.schemas import Input

#: The answer to a link that may not be followed any more.
SPENT: dict[int | str, dict[str, Any]] = {410: problem("The link does not work any more")}

router = APIRouter(prefix="/api/auth", tags=["Sign-in"])

Anybody = Annotated[Actor | None, public(limit=RESET)]


class Link(Input):
    """A link that was mailed: the last part of its address."""

    link: str = Field(max_length=200)


class Forgotten(Input):
    """The address of an account."""

    email: str = Field(max_length=320)


class Choice(Link):
    """The new password, and the link that allows it."""

    password: str = Field(max_length=1024)


class Confirmed(BaseModel):
    """The address that is confirmed."""

    email: str


@router.post("/verify", responses=SPENT)
@no_store
def verify(host: HostDep, actor: Anybody, body: Link) -> Confirmed:
    """Confirm an e-mail address by the link that was mailed to it."""
    with host.database.session(SYSTEM) as session:
        return Confirmed(email=verification.confirm(session, body.link, actor).email)


@router.post("/verify/again", status_code=202)
def verify_again(host: HostDep, actor: Annotated[Actor, signed_in(browser=True)]) -> None:
    """Send the link that confirms one's address once more."""
    assert actor.user_id is not None
    host.limits.hit(RESET_MAILBOX, f"verify:{actor.user_id}")
    with host.database.session(SYSTEM) as session:
        verification.send(session, host, actor.user_id)


@router.post("/forgot", status_code=202)
@no_store
def forgot(host: HostDep, actor: Anybody, body: Forgotten) -> None:
    """Have a link for a new password mailed, if there is an account; the answer tells nothing."""
    reset.ask(host, body.email)


@router.post("/reset", status_code=204, dependencies=[HASHING_SLOT], responses=SPENT)
@no_store
def choose_password(request: Request, host: HostDep, actor: Anybody, body: Choice) -> None:
    """Set a new password by a mailed link. All sessions end, and all API tokens."""
    reset.choose(request, host, body.link, body.password)
