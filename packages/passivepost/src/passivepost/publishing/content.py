"""From stored rows to what a platform is given."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from passivepost.posts.checks import guess_mime as guess
from passivepost.publishing.media import LIMIT, File, fetch
from passivepost.publishing.work import Claim
from passivepost.sdk.content import Content, Media, Part
from passivepost.sdk.http import AsyncClient


def content_of(claim: Claim, http: AsyncClient) -> Content:
    """Return what is to be published; media load themselves through `http` when asked to."""
    if not claim.parts:
        media = tuple(_media(claim, {"url": url}, http) for url in claim.media_urls)
        return Content(parts=(Part(text=claim.text, media=media),), options=claim.options)
    return Content(
        parts=tuple(
            Part(
                text=part["text"],
                media=tuple(_media(claim, each, http) for each in part.get("media") or ()),
            )
            for part in claim.parts
        ),
        options=claim.options,
    )


def has_media(claim: Claim) -> bool:
    """True if any part has a picture or video."""
    if not claim.parts:
        return bool(claim.media_urls)
    return any(part.get("media") for part in claim.parts)


def _media(claim: Claim, facts: Mapping[str, Any], http: AsyncClient) -> Media:
    url, digest = facts["url"], facts.get("digest") or ""
    file = claim.files.get(url)
    return Media(
        url=url,
        mime=file.mime if file else facts.get("mime") or guess(url),
        size=file.size if file else facts.get("size") or 0,
        alt=facts.get("alt") or "",
        width=file.width if file else facts.get("width") or 0,
        height=file.height if file else facts.get("height") or 0,
        digest=digest,
        load=functools.partial(_load, http, url, digest, file),
    )


async def _load(http: AsyncClient, url: str, digest: str, file: File | None) -> bytes:
    """Return a picture or video: at hand while a post is prepared, else fetched (see `fetch`)."""
    if file is not None and file.data is not None:
        return file.data
    data, _ = await fetch(http, url, digest, file.size if file is not None else LIMIT)
    return data
