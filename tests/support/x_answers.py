"""Answers as X words them, for its double."""

from __future__ import annotations

import html
import re
from typing import Any

from starlette.responses import JSONResponse, Response

PROBLEM = "https://api.x.com/2/problems/"
LINK = re.compile(r"(?:https?://)?[a-z0-9-]+\.(?:com|org)(?:/\S*)?")


class Cut(Response):
    """An answer that ends before its first byte of body: the connection breaks."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 201,
                    "headers": [(b"content-length", b"100")]})  # fmt: skip


def as_shown(post: dict[str, Any]) -> dict[str, Any]:
    """Return a post as X tells it: links shortened, three characters escaped."""
    text, urls = html.escape(post["body"].get("text", ""), quote=False), []
    for start, end in reversed([found.span() for found in LINK.finditer(text)]):
        real, short = html.unescape(text[start:end]), f"https://t.co/{len(urls):010d}"
        urls.append({"url": short, "expanded_url": real if "://" in real else f"http://{real}"})
        text = text[:start] + short + text[end:]
    if post["body"].get("media"):
        urls.append({"url": "https://t.co/picture000", "media_key": "3_1",
                     "expanded_url": f"https://x.com/i/status/{post['id']}/photo/1"})  # fmt: skip
        text = f"{text} https://t.co/picture000".strip()
    shown: dict[str, Any] = {"id": post["id"], "text": text}
    return {**shown, "entities": {"urls": urls}} if urls else shown


def problem(
    status: int, kind: str, detail: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    body = {"type": PROBLEM + kind, "title": kind, "detail": detail, "status": status}
    return JSONResponse(body, status, headers=headers, media_type="application/problem+json")


def unauthorized() -> JSONResponse:
    return problem(401, "unauthorized", "Unauthorized")
