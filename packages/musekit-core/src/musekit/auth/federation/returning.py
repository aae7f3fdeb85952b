"""What a browser is answered that comes back from a provider."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from musekit.auth import entry
from musekit.auth.federation import arriving, flows, linking, provider
from musekit.auth.federation.errors import FlowGoneError, KnownAddressError, ProofError
from musekit.auth.models import User
from musekit.auth.resolve import SYSTEM
from musekit.auth.second_factors import ceremonies, passkeys
from musekit.errors import (
    ConflictError,
    ForbiddenError,
    LimitReachedError,
    NotFoundError,
    UnavailableError,
)
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.web.cookies import get_cookie
from musekit.kernel.web.flash import flash
from musekit.kernel.web.pages import redirect, render
from musekit.providers import Identity, IdentityProvider

#: What people meet on this way, shown where they began.
FAULTS = (
    ProofError, ConflictError, ForbiddenError, LimitReachedError, NotFoundError, UnavailableError,
)  # fmt: skip


class _Next(BaseModel):
    next: str = ""


Next = Annotated[_Next, Form()]


def answer(request: Request, host: Host, actor: Actor | None, way: IdentityProvider) -> Response:
    """Take up the flow that an answer belongs to, have it judged, and act on it. Three units."""
    said = _said(request)
    try:
        with host.database.session(SYSTEM) as session:
            taken = flows.take(
                session, host, way.key, state=said.pop("state", ""), actor=actor,
                browser=get_cookie(request, host.settings, flows.COOKIE),
            )  # fmt: skip
    except FlowGoneError as error:
        flash(request, error.detail, "danger")
        return redirect("/sign-in" if actor is None else "/account/security")
    back = _back(taken)
    if "error" in said:
        # What it says stands in the address, which anybody may have written.
        flash(request, f"{way.label} did not let you through. Nothing was changed.", "info")
        return redirect(back)
    try:
        identity = way.finish(host, taken.flow, said)
        return _act(request, host, actor, way, taken=taken, identity=identity)
    except KnownAddressError as error:
        shown = render(
            request, "musekit/auth/link-first.html", status=error.status, detail=error.detail,
            provider=way, next=taken.flow.next,
        )  # fmt: skip
        shown.headers["x-robots-tag"] = "noindex"
        shown.headers["cache-control"] = "no-store"
        return shown
    except FAULTS as error:
        flash(request, error.detail, "danger")
        return redirect(back)


def _said(request: Request) -> dict[str, str]:
    """Return the parameters of an answer; empty if one stands there twice (RFC 6749 §3.1)."""
    pairs = request.query_params.multi_items()
    said = dict(pairs)
    return said if len(said) == len(pairs) else {}


def _act(
    request: Request,
    host: Host,
    actor: Actor | None,
    way: IdentityProvider,
    *,
    taken: flows.Taken,
    identity: Identity,
) -> Response:
    goal = taken.flow.next
    if taken.purpose == "link":
        assert actor is not None  # no other takes such a flow
        arriving.link(request, host, actor, way, identity)
        flash(request, f"You can come in by {way.label} from now on.")
        return redirect(goal)
    if taken.purpose == "reauth":
        assert actor is not None
        return _go_on(host, arriving.confirm(request, host, actor, way, identity, goal=goal), goal)
    made = arriving.come_in(request, host, way, identity, goal=goal)
    if made is None:
        return render(request, "musekit/auth/sign-up-sent.html", email=identity.email)
    return _go_on(host, made, goal)


def _go_on(host: Host, made: entry.Entry | entry.Pending, goal: str) -> Response:
    half_way = isinstance(made, entry.Pending)
    response = redirect("/sign-in/second-factor" if half_way else goal)
    entry.give_cookie(response, host, made)
    return response


def _back(taken: flows.Taken) -> str:
    """Return the page that a flow was begun on."""
    if taken.purpose == "link":
        return "/account/identities"
    page = "/re-authenticate" if taken.purpose == "reauth" else "/sign-in"
    return f"{page}?{urlencode({'next': taken.flow.next})}"


def ways_to_confirm(host: Host, actor: Actor) -> list[IdentityProvider]:
    """Return the providers by which somebody may prove again who they are; an edge.

    One that cannot be asked for a fresh proof shows no more than that its own session goes on in
    this browser: it is for those who have nothing better.
    """
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        mine = {each.provider for each in linking.list_of(session, actor.user_id)}
        user = session.get_one(User, actor.user_id)
        keys = ceremonies.is_possible(host) and passkeys.list_of(session, user.id)
        better = user.password_hash is not None or bool(keys)
    return [
        each for each in provider.offered(host)
        if each.key in mine and (getattr(each, "proves_anew", False) or not better)
    ]  # fmt: skip
