"""Going to a provider, coming back, and the page of one's identities."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from musekit.auth.federation import arriving, flows, linking, provider, returning
from musekit.auth.resolve import SYSTEM
from musekit.errors import ConflictError, NotFoundError, UnavailableError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.ratelimit.policies import SIGN_IN
from musekit.kernel.web.access import HostDep, public, signed_in
from musekit.kernel.web.cookies import get_cookie, set_cookie
from musekit.kernel.web.flash import flash
from musekit.kernel.web.pages import redirect, render, safe_next

router = APIRouter()

Anybody = Annotated[Actor | None, public(limit=SIGN_IN)]
InBrowser = Annotated[Actor, signed_in(browser=True)]
Proving = Annotated[Actor, signed_in(browser=True, in_person=True, limit=SIGN_IN)]
Recently = Annotated[Actor, signed_in(recent=True)]

MINE = "/account/identities"


@router.get("/sign-in/with/{key}")
def go(  # noqa: PLR0917 - asked by name
    request: Request,
    host: HostDep,
    actor: Anybody,
    key: str,
    next: str = "",  # noqa: A002
    hint: str = "",
) -> Response:
    """Send the browser to a provider; somebody who is signed in goes on."""
    if actor is not None:
        return redirect(safe_next(next))
    return _send(request, host, key, "sign_in", back="/sign-in", next=next, hint=hint)


@router.get("/sign-in/return/{key}")
def come_back(request: Request, host: HostDep, actor: Anybody, key: str) -> Response:
    """Take up what a provider answers."""
    return returning.answer(request, host, actor, provider.at(host, key))


@router.post("/re-authenticate/with/{key}")
def confirm(
    request: Request, host: HostDep, actor: Proving, key: str, form: returning.Next
) -> Response:
    """Send the browser to a provider, to prove again who somebody is."""
    if key not in {each.key for each in returning.ways_to_confirm(host, actor)}:
        raise NotFoundError("There is no such way to confirm that it is you.")
    return _send(
        request, host, key, "reauth", back="/re-authenticate", actor=actor, next=form.next
    )  # fmt: skip


@router.get(MINE)
def identities_page(request: Request, host: HostDep, actor: InBrowser) -> Response:
    """List the accounts elsewhere by which one comes in."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        found = linking.list_of(session, actor.user_id)
    known = host.registry.identity_providers
    return render(
        request, "musekit/auth/identities.html", identities=found, providers=known,
        offered=provider.offered(host),
    )  # fmt: skip


@router.post("/account/identities/{key}/link")
def link(request: Request, host: HostDep, actor: Recently, key: str) -> Response:
    """Send the browser to a provider, to make an account there a way in.

    Not to one of an organization: it would open all of the account to that organization.
    """
    if provider.at(host, key).organization_bound:
        raise NotFoundError("Accounts of an organization's own service are not linked.")
    return _send(request, host, key, "link", back=MINE, actor=actor, next=MINE)


@router.post("/account/identities/{identity_id}/unlink")
def unlink(request: Request, host: HostDep, actor: Recently, identity_id: UUID) -> Response:
    """Forget one; one that is gone already is what was wanted."""
    try:
        arriving.unlink(request, host, actor, identity_id)
    except NotFoundError as error:
        flash(request, error.detail, "info")
    except ConflictError as error:
        flash(request, error.detail, "danger")
    else:
        flash(request, "Unlinked. All other browsers are signed out.")
    return redirect(MINE)


def _send(
    request: Request,
    host: Host,
    key: str,
    purpose: flows.Purpose,
    *,
    back: str,
    actor: Actor | None = None,
    next: str = "",  # noqa: A002
    hint: str = "",
) -> Response:
    """Begin a flow and send the browser off; to `back` if the provider does not answer."""
    way = provider.at(host, key)
    held = get_cookie(request, host.settings, flows.COOKIE)
    with host.database.session(SYSTEM) as session:
        flow, browser = flows.begin(
            session, host, key, purpose, browser=held, actor=actor, next=next, hint=hint
        )
    try:
        target = way.begin(host, flow)
    except UnavailableError as error:
        flash(request, error.detail, "danger")
        return redirect(back)
    answer = redirect(target)
    seconds = int(flows.LASTS.total_seconds())
    set_cookie(answer, host.settings, flows.COOKIE, browser, max_age=seconds)
    return answer
