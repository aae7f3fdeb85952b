"""What one wants mail about, and the endpoint that Resend tells of mails that did not arrive."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from musekit.auth.models import User
from musekit.email import inbound, preferences
from musekit.email.settings import EmailSettings
from musekit.errors import NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.ratelimit.policies import NONE
from musekit.kernel.web.access import HostDep, public, signed_in
from musekit.kernel.web.schemas import Input, Output

router = APIRouter(prefix="/api/email", tags=["E-mail"])

SYSTEM = Actor.system("email")
#: Resend is known by its signature, and its deliveries must not be missed.
Resend = Annotated[Actor | None, public(cross_site=True, limit=NONE)]


Person = Annotated[Actor, signed_in()]
InPerson = Annotated[Actor, signed_in(browser=True, in_person=True)]


class KindOut(Output):
    """Mails that one can do without, which are wanted or not together."""

    category: str
    label: str
    mails: list[str] = Field(description="what mails of this kind tell")
    wanted: bool


class Preferences(BaseModel):
    """What a person wants mail about."""

    kinds: list[KindOut]
    mailbox: str | None = Field(description="why the mailbox gets no mail at all; null: it does")


class Choices(Input):
    """Kinds of mail, and whether each is wanted; others stay as they are."""

    kinds: dict[str, bool] = Field(max_length=100)


class MailEventReceived(BaseModel):
    """That an event was taken."""

    received: bool = True


@router.get("/preferences")
def get_preferences(host: HostDep, actor: Person) -> Preferences:
    """Say what one gets mail about."""
    with host.database.session(SYSTEM, readonly=True) as session:
        return _preferences(session, host, actor)


@router.patch("/preferences")
def change_preferences(host: HostDep, actor: InPerson, body: Choices) -> Preferences:
    """Choose what one gets mail about; it holds from the next mail on."""
    with host.database.session(SYSTEM) as session:
        preferences.choose(session, host, session.get_one(User, actor.user_id), body.kinds)
        session.flush()
        return _preferences(session, host, actor)


def _preferences(session: Session, host: Host, actor: Actor) -> Preferences:
    user = session.get_one(User, actor.user_id)
    shut = preferences.shut(session, user)
    kinds = [KindOut.model_validate(each) for each in preferences.kinds(session, host, user)]
    return Preferences(kinds=kinds, mailbox=shut.reason if shut is not None else None)


@router.post("/resend/webhook", max_body_size=1_048_576)  # read in a thread, once it is signed
async def receive_event(request: Request, host: HostDep, actor: Resend) -> MailEventReceived:
    """Take an event of Resend, signed in ``svix-signature``."""
    body = await request.body()
    await run_in_threadpool(_take, host, body, request)
    return MailEventReceived()


def _take(host: Host, body: bytes, request: Request) -> None:
    keys = host.settings_of(EmailSettings).webhook_keys
    if not keys:
        raise NotFoundError("There is no such page.")
    event = inbound.verified(keys, body, request.headers)
    with host.database.session(SYSTEM) as session:
        inbound.apply(session, event)
