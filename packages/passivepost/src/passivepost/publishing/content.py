"""From stored rows to what a platform is given."""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import Mapping
from typing import Any

from passivepost.publishing.outcomes import MediaMissing
from passivepost.publishing.work import Claim
from passivepost.sdk.content import Content, Media, Part
from passivepost.sdk.errors import Retryable
from passivepost.sdk.http import AsyncClient, Interrupted, NotSent


def content_of(claim: Claim, http: AsyncClient) -> Content:
    """Return what is to be published; media load themselves through `http` when asked to."""
    if not claim.parts:
        media = tuple(_media({"url": url}, http) for url in claim.media_urls)
        return Content(parts=(Part(text=claim.text, media=media),), options=claim.options)
    return Content(
        parts=tuple(
            Part(text=part["text"], media=tuple(_media(m, http) for m in part.get("media") or ()))
            for part in claim.parts
        ),
        options=claim.options,
    )


def has_media(claim: Claim) -> bool:
    """True if any part has a picture or video."""
    if not claim.parts:
        return bool(claim.media_urls)
    return any(part.get("media") for part in claim.parts)


def _media(facts: Mapping[str, Any], http: AsyncClient) -> Media:
    url, digest = facts["url"], facts.get("digest") or ""
    return Media(
        url=url,
        mime=facts.get("mime") or "",
        size=facts.get("size") or 0,
        alt=facts.get("alt") or "",
        width=facts.get("width") or 0,
        height=facts.get("height") or 0,
        digest=digest,
        load=functools.partial(_load, http, url, digest),
    )


async def _load(http: AsyncClient, url: str, digest: str) -> bytes:
    """Fetch a picture or video.

    Raises:
        MediaMissing: it is gone, or is not the one that was chosen.
        Retryable: its server is away at the moment.
    """
    try:
        answer = await http.get(url)
    except (NotSent, Interrupted) as error:
        raise Retryable(f"A picture or video could not be fetched: {error}") from error
    if answer.status_code == 429 or answer.status_code >= 500:
        raise Retryable(f"A picture or video could not be fetched: status {answer.status_code}.")
    if answer.status_code != 200:
        raise MediaMissing(f"A picture or video is gone: status {answer.status_code}, {url}")
    body = answer.content
    if digest:
        found = await asyncio.to_thread(lambda: hashlib.sha256(body).hexdigest())
        if found != digest:
            raise MediaMissing(f"A picture or video has changed since it was chosen: {url}")
    return body
