"""The network's API for clients: posts, media, read-back, counts, trends."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from passivepost_platform_sandbox.network import ledger, play, posts
from passivepost_platform_sandbox.network.body import read_json
from passivepost_platform_sandbox.network.errors import Refused
from passivepost_platform_sandbox.network.faults import Plan
from passivepost_platform_sandbox.network.oauth import Session
from passivepost_platform_sandbox.network.service import Network

Work = Callable[[Session, Plan], Awaitable[Response]]


async def serve(network: Network, request: Request, op: str, work: Work) -> Response:
    """Authenticate, play the faults that apply, do the work, and keep the ledger."""
    who: Session | None = None
    try:
        who = await network.authenticate(request)
        if op == "post" and (refusal := play.limited(network.faults, who.username)):
            raise refusal
        text = await _text(request) if op == "post" and network.faults.read_texts else ""
        plan = network.faults.plan(op, who.username, text)
        if plan.delay:
            await asyncio.sleep(plan.delay)
        if plan.before is not None:
            played = await play.before(network, plan.before, who)
            if played is not None:
                network.note(op, status=0, account=who.username, note=plan.before.fault)
                return played
        answer = await work(who, plan)
    except Refused as refusal:
        early = " before its reset" if refusal.extra.get("early") else ""
        network.note(
            op,
            status=refusal.status,
            account=who.username if who else None,
            note=refusal.code + early,
        )
        return JSONResponse(refusal.body, refusal.status, refusal.headers)
    if plan.after is not None and answer.status_code < 300:
        return play.after(plan.after)
    return answer


async def create_post(network: Network, request: Request) -> Response:
    """``POST /api/posts``: 201 with the post; 200 with the first one for a key seen before."""

    async def work(who: Session, plan: Plan) -> Response:
        draft = posts.check(await _json(request), request.headers.get("idempotency-key"))
        rule = plan.before if plan.before and plan.before.fault == "duplicate" else None

        def job(db: sqlite3.Connection) -> tuple[int, dict[str, Any]]:
            return posts.accept(
                db,
                who,
                draft,
                honour_keys=network.settings.honour_keys,
                duplicates=rule.style if rule else None,
                always_duplicate=bool(rule and rule.always),
            )

        status, post = await network.store.run(job)
        if rule is not None:
            rule.hits -= 1  # it was no repeat: the fault was not played
        return JSONResponse({**post, "url": _url(network, request, post["id"])}, status)

    return await serve(network, request, "post", work)


async def create_media(network: Network, request: Request) -> Response:
    """``POST /api/media``: multipart `file` and `alt`; 201 with its id."""

    async def work(who: Session, plan: Plan) -> Response:
        form = await request.form(max_files=1, max_fields=5)
        file, alt = form.get("file"), form.get("alt", "")
        if not isinstance(file, UploadFile) or file.content_type not in posts.MIMES:
            raise Refused(422, "bad_media", f"`file` is one of {', '.join(sorted(posts.MIMES))}.")
        data = await file.read(posts.MAX_MEDIA_BYTES + 1)
        if not data or len(data) > posts.MAX_MEDIA_BYTES:
            raise Refused(422, "bad_media", f"1 to {posts.MAX_MEDIA_BYTES:,} bytes.")
        row = ("m" + secrets.token_hex(8), who.account, file.content_type, str(alt)[:1500], data)

        def job(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO media VALUES (?, ?, ?, ?, ?, ?)", (*row, time.time()))
            ledger.write(db, "media", status=201, account=who.username, accepted=True, note=row[0])

        await network.store.run(job)
        return JSONResponse({"id": row[0]}, 201)

    return await serve(network, request, "media", work)


async def find_posts(network: Network, request: Request) -> Response:
    """``GET /api/posts?author=&since=&text=``: what is live, newest first."""

    async def work(who: Session, plan: Plan) -> Response:
        query = request.query_params
        since = _time(query.get("since"))
        found = await network.store.run(
            lambda db: posts.find(
                db, author=query.get("author"), since=since, text=query.get("text")
            )
        )
        network.note("read", status=200, account=who.username)
        return JSONResponse({"items": found})

    return await serve(network, request, "read", work)


async def one_post(network: Network, request: Request) -> Response:
    """``GET /api/posts/{id}``."""

    async def work(who: Session, plan: Plan) -> Response:
        post_id = request.path_params["post_id"]
        post = await network.store.run(lambda db: posts.get(db, post_id))
        network.note("read", status=200 if post else 404, account=who.username)
        if post is None:
            return JSONResponse(Refused(404, "not_found", "No such post.").body, 404)
        return JSONResponse({**post, "url": _url(network, request, post["id"])})

    return await serve(network, request, "read", work)


async def delete_post(network: Network, request: Request) -> Response:
    """``DELETE /api/posts/{id}``: 204, or 404 when it is gone or another's."""

    async def work(who: Session, plan: Plan) -> Response:
        post_id = request.path_params["post_id"]

        def job(db: sqlite3.Connection) -> bool:
            done = posts.delete(db, who, post_id)
            number = int(post_id) if done else None
            ledger.write(db, "delete", status=204 if done else 404, account=who.username,
                         accepted=done, post_id=number)  # fmt: skip
            return done

        if await network.store.run(job):
            return Response(status_code=204)
        return JSONResponse(Refused(404, "not_found", "No such post.").body, 404)

    return await serve(network, request, "delete", work)


async def me(network: Network, request: Request) -> Response:
    """``GET /api/me``: who the token stands for."""

    async def work(who: Session, plan: Plan) -> Response:
        row = await network.store.run(
            lambda db: db.execute("SELECT * FROM accounts WHERE id = ?", (who.account,)).fetchone()
        )
        network.note("me", status=200, account=who.username)
        return JSONResponse({key: row[key] for key in ("id", "username", "display_name")})

    return await serve(network, request, "me", work)


async def metrics(network: Network, request: Request) -> Response:
    """``GET /api/metrics?ids=a,b``: counts by id, of at most 100 posts."""

    async def work(who: Session, plan: Plan) -> Response:
        ids = [each for each in request.query_params.get("ids", "").split(",") if each][:100]
        found = await network.store.run(lambda db: posts.metrics(db, ids))
        network.note("metrics", status=200, account=who.username, note=f"{len(ids)} posts")
        return JSONResponse({"items": found})

    return await serve(network, request, "metrics", work)


async def trends(network: Network, request: Request) -> Response:
    """``GET /api/trends?q=``: posts with that word, as topics."""

    async def work(who: Session, plan: Plan) -> Response:
        word = request.query_params.get("q", "").strip().lower()[:100]
        recent = await network.store.run(
            lambda db: posts.find(db, author=None, since=time.time() - 7 * 86400, text=None)
        )
        found = [post for post in recent if word in post["text"].lower()][:10]
        network.note("trends", status=200, account=who.username)
        return JSONResponse(
            {
                "items": [
                    {"text": post["text"], "url": _url(network, request, post["id"])}
                    for post in found
                ]
            }
        )

    return await serve(network, request, "trends", work)


def _url(network: Network, request: Request, post_id: str) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{network.base}/posts/{post_id}"


async def _json(request: Request) -> Any:
    try:
        return await read_json(request)
    except ValueError:
        raise Refused(400, "bad_json", "The body is not JSON.") from None


async def _text(request: Request) -> str:
    body = await _json(request)  # kept by the request; read again by the work at no cost
    text = body.get("text") if isinstance(body, dict) else None
    return text if isinstance(text, str) else ""


def _time(value: str | None) -> float:
    try:
        return datetime.fromisoformat(value).timestamp() if value else 0.0
    except ValueError:
        raise Refused(422, "bad_time", "`since` is a time like 2026-11-23T09:00:00Z.") from None
