"""Sign-in by OAuth 2.0: the page that asks, the token endpoint, revocation."""

from __future__ import annotations

import asyncio
import secrets
import time
from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from passivepost_platform_sandbox.network import oauth, pages, people, play
from passivepost_platform_sandbox.network.errors import Refused
from passivepost_platform_sandbox.network.oauth import Session
from passivepost_platform_sandbox.network.service import Network

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "testserver"})
TICKET_SECONDS = 600
#: Open questions by ticket: (the client's request, until when it may be answered).
_tickets: dict[str, tuple[dict[str, str], float]] = {}


def _asked(network: Network, request: Request, values: Mapping[str, Any]) -> dict[str, str]:
    """Read what a client asks for. Raises `Refused` where it must not even be redirected."""
    wanted = ("client_id", "redirect_uri", "scope", "state", "code_challenge", "response_type",
              "code_challenge_method")  # fmt: skip
    asked = {name: str(values.get(name) or "") for name in wanted}
    if asked["client_id"] != network.settings.client_id:
        raise Refused(400, "unauthorized_client", "This network knows no such client.")
    target = urlsplit(asked["redirect_uri"])
    ours = {*LOOPBACK, request.url.hostname}
    if target.scheme not in {"http", "https"} or target.hostname not in ours:
        raise Refused(400, "bad_redirect", "redirect_uri must be of this machine or this site.")
    if asked["response_type"] != "code" or asked["code_challenge_method"] not in {"", "S256"}:
        raise Refused(400, "bad_request", "Only response_type=code, with PKCE method S256.")
    if not asked["code_challenge"]:
        raise Refused(400, "bad_request", "PKCE is required: send code_challenge.")
    return asked


async def authorize(network: Network, request: Request) -> Response:
    """``GET /oauth/authorize``: ask a person.

    The answer comes by ``GET /oauth/decision`` with a ticket that is good once: not by a POST,
    because inside another site's cookies that site would want its own form token.
    """
    try:
        asked = _asked(network, request, request.query_params)
    except Refused as refusal:
        return pages.refusal(network, refusal)
    now = time.time()
    for ticket in [ticket for ticket, (_, until) in _tickets.items() if until < now]:
        del _tickets[ticket]
    ticket = secrets.token_urlsafe(24)
    _tickets[ticket] = (asked, now + TICKET_SECONDS)
    known = await network.store.run(people.samples)
    return pages.page(
        network,
        "authorize.html",
        ticket=ticket,
        people=known,
        scopes=asked["scope"].split() or oauth.SCOPES,
        target=urlsplit(asked["redirect_uri"]).netloc,
    )


async def decision(network: Network, request: Request) -> Response:
    """``GET /oauth/decision?ticket=&username=&decision=allow|deny``: a person's answer."""
    asked, until = _tickets.pop(request.query_params.get("ticket", ""), ({}, 0.0))
    if until < time.time():
        return pages.refusal(
            network, Refused(400, "stale", "This question was answered or is too old. Start again.")
        )
    return await _decide(network, asked, request.query_params)


async def authorize_form(network: Network, request: Request) -> Response:
    """``POST /oauth/authorize``: the same without a person, for scripts and tests.

    Form: the parameters of the GET, `decision` (``allow``, ``deny``) and `username`, which is
    made if it is new.
    """
    values = await request.form()
    try:
        asked = _asked(network, request, values)
    except Refused as refusal:
        return JSONResponse(refusal.oauth_body, refusal.status)
    return await _decide(network, asked, values)


async def _decide(network: Network, asked: dict[str, str], values: Mapping[str, Any]) -> Response:
    answer: dict[str, str] = {"state": asked["state"]} if asked["state"] else {}
    if values.get("decision") == "allow":
        username = str(values.get("username") or people.SAMPLES[0][0])
        try:
            answer["code"] = await network.store.run(
                lambda db: oauth.issue_code(
                    db,
                    username=username,
                    client_id=asked["client_id"],
                    redirect_uri=asked["redirect_uri"],
                    challenge=asked["code_challenge"],
                    scope=asked["scope"] or " ".join(oauth.SCOPES),
                )
            )
        except Refused as refusal:
            return JSONResponse(refusal.oauth_body, refusal.status)
    else:
        answer |= {"error": "access_denied", "error_description": "The person said no."}
    glue = "&" if "?" in asked["redirect_uri"] else "?"
    return RedirectResponse(asked["redirect_uri"] + glue + urlencode(answer), 303)


async def token(network: Network, request: Request) -> Response:
    """``POST /oauth/token``: code or refresh token → tokens (RFC 6749 §4.1.3, §6)."""
    values = await request.form()
    grant = str(values.get("grant_type") or "")
    kind = "refresh" if grant == "refresh_token" else "token"
    who = await _whose(network, values) if network.faults.rules else None
    plan = network.faults.plan("token", who.username if who else None)
    try:
        client = _client(network, request, values)
        if plan.delay:
            await asyncio.sleep(plan.delay)
        if plan.before is not None and plan.before.fault == "revoked" and who is not None:
            await network.revoke_grant(who, "by its owner")  # told below, as for any such grant
            plan.before = None
        played = await play.before(network, plan.before, who) if plan.before else None
        if played is not None:
            note = plan.before.fault if plan.before else None
            network.note(kind, status=0, account=who.username if who else None, note=note)
            return played
        tokens = await _tokens(network, grant, client, values)
    except Refused as refusal:
        if refusal.code != "invalid_grant":  # those are in the ledger already
            network.note(kind, status=refusal.status, note=refusal.code)
        return JSONResponse(refusal.oauth_body, refusal.status, refusal.headers)
    if plan.after is not None:
        return play.after(plan.after)
    return JSONResponse(tokens, headers={"Cache-Control": "no-store"})


async def _whose(network: Network, values: Mapping[str, Any]) -> Session | None:
    """Return whose refresh token a request holds, for faults of one account."""
    token = str(values.get("refresh_token") or "")
    return await network.store.run(lambda db: oauth.holder(db, token)) if token else None


async def _tokens(
    network: Network, grant: str, client: str, values: Mapping[str, Any]
) -> dict[str, Any]:
    if grant == "authorization_code":
        made = await network.store.run(
            lambda db: oauth.exchange(
                db,
                code=str(values.get("code") or ""),
                client_id=client,
                redirect_uri=str(values.get("redirect_uri") or ""),
                verifier=str(values.get("code_verifier") or ""),
                lifetimes=network.lifetimes,
            )
        )
    elif grant == "refresh_token":
        made = await network.store.run(
            lambda db: oauth.rotate(
                db,
                token=str(values.get("refresh_token") or ""),
                client_id=client,
                lifetimes=network.lifetimes,
                rotating=network.settings.rotating,
            )
        )
    else:
        raise Refused(400, "unsupported_grant_type", "authorization_code or refresh_token.")
    if isinstance(made, Refused):
        network.forget()  # a family may have been revoked
        raise made
    return made


def _client(network: Network, request: Request, values: Mapping[str, Any]) -> str:
    """Return the client that proved itself: by HTTP Basic, in the form, or as a public client."""
    name, secret = str(values.get("client_id") or ""), str(values.get("client_secret") or "")
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, secret = b64decode(encoded).decode().partition(":")
        except ValueError:
            name = ""
    settings = network.settings
    wrong = secret and not secrets.compare_digest(secret.encode(), settings.client_secret.encode())
    if name != settings.client_id or wrong:
        raise Refused(401, "invalid_client", "The client id or secret is wrong.")
    return name


async def revoke(network: Network, request: Request) -> Response:
    """``POST /oauth/revoke``: 200 whatever the token (RFC 7009 §2.2)."""
    values = await request.form()
    try:
        _client(network, request, values)
    except Refused as refusal:
        return JSONResponse(refusal.oauth_body, refusal.status)
    grant = await network.store.run(lambda db: oauth.revoke(db, str(values.get("token") or "")))
    network.forget(grant)
    return HTMLResponse("")
