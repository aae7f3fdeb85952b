"""What a person sees of the network: the timeline, one post, the question "Allow?"."""

from __future__ import annotations

import sqlite3
import time
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from passivepost_platform_sandbox.network import posts
from passivepost_platform_sandbox.network.errors import Refused
from passivepost_platform_sandbox.network.service import Network

SHOWN = 50  #: posts on the timeline
STATIC = {"style.css": "text/css", "live.js": "text/javascript"}


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("passivepost_platform_sandbox.network"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(network: Network, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """Return a page made from a template of this package."""
    html = _environment().get_template(template).render(base=network.base, **context)
    return HTMLResponse(html, status, {"Cache-Control": "no-store"})


def refusal(network: Network, refused: Refused) -> HTMLResponse:
    """Return a page that says why something was refused."""
    return page(network, "refused.html", refused.status, message=refused.message)


async def timeline(network: Network, request: Request) -> Response:
    """``GET /``: the latest posts; with ``?fragment=1`` only their list, for the live update."""
    author = request.query_params.get("author") or None

    def job(db: sqlite3.Connection) -> list[dict[str, Any]]:
        found = posts.find(db, author=author, since=0.0, text=None, limit=SHOWN)
        return [_dressed(db, post) for post in found]

    shown = await network.store.run(job)
    template = "posts.html" if request.query_params.get("fragment") else "timeline.html"
    return page(network, template, posts=shown, author=author)


async def one(network: Network, request: Request) -> Response:
    """``GET /posts/{id}``: one post, with the thread it belongs to below it."""
    post_id = request.path_params["post_id"]

    def job(db: sqlite3.Connection) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        wanted = posts.get(db, post_id)
        while wanted is not None and len(found) < SHOWN:
            found.append(_dressed(db, wanted))
            row = db.execute(
                "SELECT id FROM posts WHERE reply_to = ? AND deleted_at IS NULL ORDER BY id",
                (int(wanted["id"]),),
            ).fetchone()
            wanted = posts.get(db, str(row["id"])) if row else None
        return found

    shown = await network.store.run(job)
    if not shown:
        return refusal(network, Refused(404, "not_found", "This post is not here (any more)."))
    return page(network, "timeline.html", posts=shown, author=shown[0]["author"])


async def medium(network: Network, request: Request) -> Response:
    """``GET /media/{id}``: a picture or video."""
    row = await network.store.run(
        lambda db: db.execute(
            "SELECT mime, data FROM media WHERE id = ?", (request.path_params["media_id"],)
        ).fetchone()
    )
    if row is None:
        return Response(status_code=404)
    return Response(row["data"], media_type=row["mime"], headers={"Cache-Control": "max-age=86400"})


async def static(network: Network, request: Request) -> Response:
    """``GET /static/{name}``: the style sheet and the script."""
    name = request.path_params["name"]
    if name not in STATIC:
        return Response(status_code=404)
    return Response(_asset(name), media_type=STATIC[name])


@cache
def _asset(name: str) -> bytes:
    return files("passivepost_platform_sandbox.network").joinpath("static", name).read_bytes()


def _dressed(db: sqlite3.Connection, post: dict[str, Any]) -> dict[str, Any]:
    row = db.execute("SELECT * FROM accounts WHERE username = ?", (post["author"],)).fetchone()
    stamp = datetime.fromisoformat(post["created_at"])
    age = time.time() - stamp.timestamp()
    alts = [
        (media, db.execute("SELECT mime, alt FROM media WHERE id = ?", (media,)).fetchone())
        for media in post["media"]
    ]
    return {
        **post,
        "name": row["display_name"],
        "color": row["color"],
        "hue": sum(post["author"].encode()) % 6,
        "ago": _ago(age),
        "at": f"{stamp:%Y-%m-%d %H:%M:%S} UTC",
        "counts": posts.counts(int(post["id"]), age),
        "pictures": [(media, found["mime"], found["alt"]) for media, found in alts if found],
    }


def _ago(seconds: float) -> str:
    for size, word in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {word}"
    return "now"
