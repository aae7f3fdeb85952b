"""For whoever runs an experiment: faults, settings, accounts in bulk, samples, the ledger."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from passivepost_platform_sandbox.network import ledger, oauth, people, posts
from passivepost_platform_sandbox.network.body import read_json
from passivepost_platform_sandbox.network.errors import Refused
from passivepost_platform_sandbox.network.service import Network

MAX_ACCOUNTS = 20_000  #: in one request


async def get_faults(network: Network, request: Request) -> Response:
    """``GET /faults``: the rules in force, with how often each was played."""
    return JSONResponse({"items": network.faults.describe()})


async def put_faults(network: Network, request: Request) -> Response:
    """``PUT /faults``: put rules in force, in place of those before: a list, or
    ``{"rules": [...], "seed": 1}``. An empty list ends all faults and rate limits."""
    body = await _body(request)
    if isinstance(body, list):
        body = {"rules": body}
    rules, chance = (body.get("rules"), body.get("seed", 0)) if isinstance(body, dict) else ("", 0)
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        return _wrong("Send a list of rules, each an object.")
    try:
        network.faults.replace(rules, int(chance))
    except (TypeError, ValueError) as error:
        return _wrong(str(error))
    return JSONResponse({"items": network.faults.describe()})


async def get_settings(network: Network, request: Request) -> Response:
    """``GET /settings``: how the network behaves; without the client's secret."""
    shown = asdict(network.settings)
    shown.pop("client_secret")
    return JSONResponse(shown)


async def put_settings(network: Network, request: Request) -> Response:
    """``PUT /settings``: change some, e.g. ``{"honour_keys": false, "access_seconds": 5}``."""
    body = await _body(request)
    if not isinstance(body, dict):
        return _wrong("Send an object of settings.")
    try:
        network.settings = network.settings.changed(body)
    except ValueError as error:
        return _wrong(str(error))
    return await get_settings(network, request)


async def add_accounts(network: Network, request: Request) -> Response:
    """``POST /accounts``: make accounts that have allowed the client already, with tokens.

    Body: ``{"usernames": [...]}`` or ``{"count": 5000, "prefix": "user"}``.
    """
    body = await _body(request)
    if not isinstance(body, dict):
        return _wrong("Send an object.")
    names = body.get("usernames")
    if names is None:
        count, prefix = body.get("count", 1), str(body.get("prefix", "user"))
        names = [f"{prefix}{n}" for n in range(count if isinstance(count, int) else 0)]
    if not isinstance(names, list) or not 0 < len(names) <= MAX_ACCOUNTS:
        return _wrong(f"1 to {MAX_ACCOUNTS:,} accounts at a time.")

    def job(db: sqlite3.Connection) -> list[dict[str, Any]]:
        made = []
        for name in names:
            row = people.ensure(db, str(name))
            grant = oauth.new_grant(
                db, account=row["id"], client_id=network.settings.client_id, scope="read write"
            )
            tokens = oauth.issue_tokens(db, grant, network.lifetimes)
            made.append({"id": row["id"], "username": row["username"], **tokens})
        return made

    try:
        return JSONResponse({"items": await network.store.run(job)}, 201)
    except Refused as refusal:
        return JSONResponse(refusal.body, refusal.status)


async def revoke_account(network: Network, request: Request) -> Response:
    """``POST /accounts/{username}/revoke``: what a person does under "connected apps"."""
    name = request.path_params["username"]

    def job(db: sqlite3.Connection) -> int:
        grants = db.execute(
            "SELECT g.id FROM grants g JOIN accounts a ON a.id = g.account"
            " WHERE a.username = ? AND g.revoked_at IS NULL",
            (name,),
        ).fetchall()
        for grant in grants:
            oauth.revoke_grant(db, grant["id"], "by its owner")
        return len(grants)

    done = await network.store.run(job)
    network.forget()
    return JSONResponse({"revoked": done})


async def seed(network: Network, request: Request) -> Response:
    """``POST /seed``: put posts of the past on the timeline, for demos.

    Body: ``{"username", "posts": [{"text", "age": seconds}]}``. A text the account has posted
    is not posted again, so seeding twice changes nothing. The ledger calls them ``seed``.
    """
    body = await _body(request)
    try:
        name, wanted = str(body["username"]), [
            (str(post["text"]), float(post["age"])) for post in body["posts"]
        ]  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return _wrong('Send {"username", "posts": [{"text", "age"}]}.')

    def job(db: sqlite3.Connection) -> list[dict[str, Any]]:
        row = people.ensure(db, name)
        who = oauth.Session(row["id"], row["username"], 0, 0.0)
        made = []
        for text, age in wanted:
            known = posts.find(db, author=name, since=0.0, text=text)
            if known:
                made.append(known[-1])
                continue
            post = posts.insert(db, who, posts.Draft(text), time.time() - age)
            made.append(posts.as_json(post, name))
            ledger.write(db, "seed", status=201, account=name, accepted=True, text=text,
                         post_id=post["id"])  # fmt: skip
        return made

    try:
        return JSONResponse({"items": await network.store.run(job)}, 201)
    except Refused as refusal:
        return JSONResponse(refusal.body, refusal.status)


async def get_ledger(network: Network, request: Request) -> Response:
    """``GET /ledger?since=&kind=&account=&accepted=1&limit=``: the lines, oldest first."""
    query = request.query_params
    try:
        since, limit = int(query.get("since", 0)), min(int(query.get("limit", 100_000)), 1_000_000)
    except ValueError:
        return _wrong("`since` and `limit` are numbers.")
    accepted = {"1": True, "0": False}.get(query.get("accepted", ""))
    found = await network.store.run(
        lambda db: ledger.lines(
            db,
            since=since,
            kind=query.get("kind"),
            account=query.get("account"),
            accepted=accepted,
            limit=limit,
        )
    )
    return JSONResponse({"items": found})


async def get_summary(network: Network, request: Request) -> Response:
    """``GET /ledger/summary``: counts by kind, and what was accepted twice."""
    return JSONResponse(await network.store.run(ledger.summary))


def _wrong(message: str) -> JSONResponse:
    return JSONResponse(Refused(422, "bad_request", message).body, 422)


async def _body(request: Request) -> Any:
    try:
        return await read_json(request)
    except ValueError:
        return None
